/** A soak's report as a table for people. */
import { formatTable } from "../../batch/inspect/table.ts";
import type { SoakReport } from "./soak.ts";

export function formatReport(report: SoakReport): string {
  const { operations, seconds, searches, violations, final, settling, freshness } = report;
  const total = operations.inserts + operations.updates + operations.deletions;
  const count = (value: number) => Math.round(value).toLocaleString("en-US");
  const rows: [string, string][] = [
    [
      "operations",
      `${count(total)}: ${count(operations.inserts)} inserts, ${count(operations.updates)} updates, ${count(operations.deletions)} deletions`,
    ],
    [
      "requests",
      `${count(report.requests)} with documents, ${count(report.repeatedRequests)} of them sent again on purpose`,
    ],
    [
      "time",
      `${seconds.writing.toFixed(0)} s of writing, settled after ${seconds.settled.toFixed(0)} s: ${report.operationsPerSecond.toFixed(0)} operations/s`,
    ],
    [
      "searches meanwhile",
      `${count(searches.searches)}, ${count(searches.decisive)} with one right answer, ${count(searches.unavailable)} not answered; slowest ${(searches.slowestMs / 1000).toFixed(1)} s`,
    ],
    [
      "faults",
      Object.entries(report.faults)
        .map(([name, times]) => `${name} ${times}`)
        .join(", "),
    ],
    [
      "processes ended",
      Object.entries(report.processesEnded)
        .map(([name, times]) => `${name} ${times}`)
        .join(", ") || "none",
    ],
    [
      "lost, doubled, half-seen, wrong, back",
      [violations.lost, violations.doubled, violations.halfSeen, violations.wrong, violations.wentBack].join(
        ", ",
      ),
    ],
    [
      "in the end",
      final === null
        ? "not reached"
        : `${count(final.documents)} documents as written, ${final.segments} segments, generation ${final.generation}, ${final.searchesCompared} searches equal to plain computation`,
    ],
    ["202 → settled", `p50 ${settling.p50.toFixed(1)} s, p99 ${settling.p99.toFixed(1)} s`],
    [
      "commit → visible",
      `p50 ${freshness.p50.toFixed(1)} s, p99 ${freshness.p99.toFixed(1)} s (${freshness.samples} generations)`,
    ],
    ...Object.entries(report.memory).map(([name, memory]): [string, string] => [
      `memory of ${name}`,
      `${count(memory.medianOfSecondQuarter)} MiB in the second quarter, ${count(memory.medianOfLastQuarter)} in the last, at most ${count(memory.most)}; ${memory.slopePerMinute.toFixed(1)} MiB/minute`,
    ]),
    [
      "memory is flat",
      report.isMemoryFlat === null ? "too short a run to tell" : report.isMemoryFlat ? "yes" : "NO",
    ],
  ];
  const table = formatTable([{ name: "soak" }, { name: `seed ${report.seed}` }], rows);
  return report.examples.length === 0 ? table : `${table}\n\n${report.examples.join("\n")}`;
}

/** Whether everything was as it must be. */
export function isClean(report: SoakReport): boolean {
  return (
    Object.values(report.violations).every((count) => count === 0) &&
    report.isMemoryFlat !== false &&
    report.final !== null
  );
}
