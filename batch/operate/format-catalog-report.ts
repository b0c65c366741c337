/** What `lzero verify --catalog` and `--kept` tell a person. */
import { formatReport } from "../inspect/format-report.ts";
import { cutLine, formatCount } from "../inspect/table.ts";
import type { CatalogReport } from "./check-catalog.ts";
import { formatDocuments } from "./format-history.ts";
import type { KeptReport } from "./verify-kept.ts";

const MESSAGE_WIDTH = 300;
const MAX_SHOWN = 50;

export function formatCatalogReport({ current, catalog, older }: KeptReport): string {
  const parts = [formatReport(current)];
  if (catalog !== null) parts.push(formatCatalog(catalog, current.generation));
  const whole = older.filter(({ problemCount }) => problemCount === 0);
  if (older.length > 0) {
    const segments = older.reduce((sum, report) => sum + report.segments, 0);
    parts.push(
      `${formatCount(whole.length)} of ${formatCount(older.length)} older generations whole, with ${formatCount(segments)} segments that the current one has not.`,
    );
  }
  parts.push(...older.filter(({ problemCount }) => problemCount > 0).map(formatReport));
  return parts.join("\n\n");
}

function formatCatalog(report: CatalogReport, generation: number | null): string {
  const { shownGeneration, documents, problems, problemCount } = report;
  const shown =
    shownGeneration === generation
      ? "KV shows this generation"
      : `KV still shows generation ${shownGeneration ?? "none"}`;
  if (problemCount === 0) {
    return `Catalog: ${shown}; ${formatDocuments(documents)}, each where the catalog has it.`;
  }
  return [
    `Catalog: ${shown}; ${formatCount(problemCount)} ${problemCount === 1 ? "problem" : "problems"}:`,
    ...problems
      .slice(0, MAX_SHOWN)
      .map(({ code, message }) => `  ${code}  ${cutLine(message, MESSAGE_WIDTH)}`),
    ...(problemCount > MAX_SHOWN ? [`  and ${formatCount(problemCount - MAX_SHOWN)} more (--json)`] : []),
    "What to do: please report it with the output of `lzero verify --catalog --json`. `lzero rollback` to a generation",
    "from before it happened, or sending the documents again, makes the index good.",
  ].join("\n");
}
