/** What `lzero verify` tells a person: what was read, what is wrong, and what to do about it. */
import type { VerifyProblem } from "../../shared/verify/problem.ts";
import type { VerifyReport } from "../../shared/verify/verify-index.ts";
import { cutLine, formatCount } from "./table.ts";

const MAX_SHOWN = 50;
const MESSAGE_WIDTH = 300;

/** How each kind of value is made good; the key tells the kind. */
const REMEDIES = {
  tables: "Start `lzero consume` anew and send any document: every run stores the model's query tables once.",
  manifest: "Send or delete any document: the catalog writes the manifest with every generation.",
  segment:
    "Send the documents of that segment again (`lzero inspect --segment … --page …` names them, `lzero ingest` sends them): a segment leaves the index with its last live document.",
} as const;

/** What a decoder's code means; every other code is of a page that was written wrong. */
const MEANINGS: Readonly<Record<string, string>> = {
  page_missing: "KV may take a minute to show a new page: verify again. A page that stays away is lost.",
  page_truncated: "The stored value was cut.",
  page_corrupt: "The stored bytes are not those that were written.",
  page_unexpected: "Another value lies under this key.",
};
const WRITTEN_WRONG =
  "This should never have been written: please report it with the output of `lzero verify --json`.";

function advise({ code, key }: VerifyProblem): string {
  if (code === "page_version_newer") return `${code}: A newer Lzero wrote this page: update this one.`;
  const remedy = key.startsWith("_tables/")
    ? REMEDIES.tables
    : key.endsWith("/manifest")
      ? REMEDIES.manifest
      : REMEDIES.segment;
  return `${code}: ${MEANINGS[code] ?? WRITTEN_WRONG} ${remedy}`;
}

export function formatReport(report: VerifyReport): string {
  const { problems, problemCount } = report;
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
    ...new Set(problems.map((problem) => `  ${advise(problem)}`)),
  ].join("\n");
}

function formatProblem({ code, message }: VerifyProblem): string {
  return `  ${code}  ${cutLine(message, MESSAGE_WIDTH)}`;
}
