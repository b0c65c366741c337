/** The comparison as a table: milliseconds, recall, and all of it in proportion to the forty lines. */
import { formatTable } from "../../../batch/inspect/table.ts";
import type { EngineRow, SetFigures } from "./engine.ts";

const BASELINE = "forty lines";

export function formatRows(rows: readonly EngineRow[], postings: number): string {
  const sets = [...new Set(rows.flatMap(({ sets }) => Object.keys(sets)))];
  const baseline = rows.find(({ engine }) => engine === BASELINE);
  const columns = [
    { name: "engine" },
    ...sets.flatMap((set) => [`${set} p50 ms`, "p99", "× p50", "recall"]),
    "build s",
    "MB",
    "bytes a posting",
  ].map((column) => (typeof column === "string" ? { name: column, isNumber: true } : column));
  const cells = rows.map((row) => [
    row.engine,
    ...sets.flatMap((set) => formatSet(row.sets[set], baseline?.sets[set])),
    row.buildSeconds?.toFixed(1) ?? "",
    row.bytes === null ? "" : (row.bytes / 1e6).toFixed(1),
    row.bytes === null ? "" : (row.bytes / postings).toFixed(2),
  ]);
  return formatTable(columns, cells);
}

function formatSet(figures: SetFigures | undefined, baseline: SetFigures | undefined): string[] {
  if (figures === undefined) return ["", "", "", ""];
  const { p50, p99, recall } = figures;
  const ratio = baseline === undefined ? "" : (p50 / baseline.p50).toFixed(2);
  return [p50.toFixed(3), p99.toFixed(3), ratio, recall === null ? "other" : recall.toFixed(4)];
}
