/** What `lzero verify` tells a person: what was read, what is wrong, and what to do about it. */
import type { VerifyProblem } from "../../shared/verify/problem.ts";
import type { VerifyReport } from "../../shared/verify/verify-index.ts";
import { cutLine, formatCount } from "./table.ts";

const MAX_SHOWN = 50;
const MESSAGE_WIDTH = 300;

const SEND_AGAIN =
  "Send the documents of that segment again (`lzero ingest`): the new versions replace the damaged ones, and the next merge drops the segment.";

/** What to do, by code; what no entry names is a wrongly written page. */
const ADVICE: Readonly<Record<string, string>> = {
  page_missing: `KV may take a minute to show a new page: verify again. A page that stays away is lost. ${SEND_AGAIN}`,
  page_truncated: `The stored value was cut. ${SEND_AGAIN}`,
  page_corrupt: `The stored bytes are not those that were written. ${SEND_AGAIN}`,
  page_unexpected: `Another value lies under this key. ${SEND_AGAIN}`,
  page_version_newer: "A newer Lzero wrote this page: update this one.",
};
const WRITTEN_WRONG = `The page says what its writer should never have written: please report it with the output of \`lzero verify --json\`. ${SEND_AGAIN}`;

export function formatReport(report: VerifyReport): string {
  const { problems, problemCount } = report;
  const codes = [...new Set(problems.map(({ code }) => code))];
  const counts = [
    [report.segments, "segments"],
    [report.pages, "pages"],
    [report.bytes, "bytes"],
    [report.documents, "documents"],
    [report.tombstones, "tombstones"],
    [report.postings, "postings"],
  ] as const;
  const what = report.generation === null ? "no readable manifest" : `generation ${report.generation}`;
  return [
    `${report.index}, ${what}`,
    ...counts.map(([count, name]) => `  ${name.padEnd(10)} ${formatCount(count).padStart(15)}`),
    problemCount === 0
      ? "Whole: every page was read and everything agrees."
      : `${formatCount(problemCount)} ${problemCount === 1 ? "problem" : "problems"}:`,
    ...problems.slice(0, MAX_SHOWN).map(formatProblem),
    ...(problemCount > MAX_SHOWN ? [`  and ${formatCount(problemCount - MAX_SHOWN)} more (--json)`] : []),
    ...(problemCount > 0 ? ["", "What to do:"] : []),
    ...codes.map((code) => `  ${code}: ${ADVICE[code] ?? WRITTEN_WRONG}`),
  ].join("\n");
}

function formatProblem({ code, message }: VerifyProblem): string {
  return `  ${code}  ${cutLine(message, MESSAGE_WIDTH)}`;
}
