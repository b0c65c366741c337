/** Views → text for terminals. */
import type { TermName } from "./opened-index.ts";
import { type Column, cutLine, formatCount, formatTable } from "./table.ts";
import type { DocumentView } from "./view-document.ts";
import type { IndexView, PageView, SegmentView } from "./view-segments.ts";
import type { TermView } from "./view-term.ts";

const number = (name: string): Column => ({ name, isNumber: true });
const TEXT_WIDTH = 60;
const NAME_WIDTH = 40;

export function formatIndex(view: IndexView): string {
  const { totals } = view;
  const table = formatTable(
    [{ name: "segment" }, ...["documents", "tombstones", "pages", "bytes"].map(number)],
    view.segments.map(({ segmentId, documents, tombstones, pages, sizeBytes }) => [
      segmentId,
      ...[documents, tombstones, pages, sizeBytes].map(formatCount),
    ]),
  );
  const live = totals.documents - totals.tombstones;
  return [
    `${view.index}, generation ${view.generation} of ${view.createdAt}`,
    `settings ${JSON.stringify(view.settings)}`,
    `model    ${JSON.stringify(view.model)}`,
    `${counted(view.segments.length, "segment")}, ${formatCount(live)} live documents, ${formatCount(totals.tombstones)} tombstones, ${counted(totals.pages, "page")}, ${formatCount(totals.sizeBytes)} bytes`,
    ...(view.segments.length === 0 ? [] : ["", table]),
  ].join("\n");
}

export function formatSegment(view: SegmentView, limit: number): string {
  const rows = view.pageList.map((line) => [
    formatCount(line.page),
    line.kind,
    formatCount(line.sizeBytes),
    formatCount(line.lists),
    formatCount(line.documents),
    line.firstOrdinal === null ? "" : formatCount(line.firstOrdinal),
    line.checksum,
  ]);
  return [
    `segment ${view.segmentId}`,
    `${formatCount(view.documents)} documents, ${formatCount(view.tombstones)} of them tombstoned${listOrdinals(view.deletedOrdinals)}`,
    `${formatCount(view.terms)} terms, ${formatCount(view.postings)} postings, ${counted(view.pages, "page")}, ${formatCount(view.sizeBytes)} bytes`,
    "",
    limited(
      [
        number("page"),
        { name: "kind" },
        ...["bytes", "lists", "documents", "first ordinal"].map(number),
        { name: "checksum" },
      ],
      rows,
      limit,
    ),
  ].join("\n");
}

export function formatPage(view: PageView, limit: number): string {
  const parts = [`page ${view.page} (${view.kind}) of segment ${view.segmentId}`, `key ${view.key}`];
  if (view.kind === "root" && view.lists.length + view.documents.length === 0) {
    parts.push("it holds the directories of the other pages and of the terms (--segment without --page)");
  }
  if (view.lists.length > 0) {
    const rows = view.lists.map((line) => [
      ...nameCells(line),
      ...[line.documentFrequency, line.textFrequency, line.maxImpact, line.sizeBytes].map(formatCount),
    ]);
    const columns = [...NAME_COLUMNS, ...["postings", "own text", "max impact", "bytes"].map(number)];
    parts.push("", limited(columns, rows, limit));
  }
  if (view.documents.length > 0) {
    const rows = view.documents.map((line) => [
      `${line.ordinal}`,
      line.isDeleted ? "deleted" : "live",
      `${line.version}`,
      line.id,
      line.title === null ? line.text : `${line.title} · ${line.text}`,
    ]);
    const columns = [
      number("ordinal"),
      { name: "state" },
      number("version"),
      { name: "id", maxWidth: NAME_WIDTH },
      { name: "document", maxWidth: TEXT_WIDTH },
    ];
    parts.push("", limited(columns, rows, limit));
  }
  return parts.join("\n");
}

export function formatTerm(view: TermView): string {
  const lists = formatTable(
    [{ name: "segment" }, ...["postings", "own text", "max impact", "page", "bytes"].map(number)],
    view.lists.map((line) => [
      line.segmentId,
      ...[line.documentFrequency, line.textFrequency, line.maxImpact, line.page, line.sizeBytes].map(
        formatCount,
      ),
    ]),
  );
  const postings = formatTable(
    [
      number("impact"),
      number("weight"),
      { name: "id", maxWidth: NAME_WIDTH },
      { name: "segment" },
      number("ordinal"),
    ],
    view.topPostings.map((line) => [
      `${line.impact}`,
      line.weight.toFixed(3),
      line.id,
      line.segmentId,
      `${line.ordinal}`,
    ]),
  );
  const { livePostings, topPostings } = view;
  const title = `term ${view.termId} ${describeName(view)}`;
  if (view.lists.length === 0) return `${title}\nno document has it`;
  return [
    title,
    `${formatCount(view.documentFrequency)} postings (${formatCount(livePostings)} of live documents), in the own text of ${formatCount(view.textFrequency)}, largest impact ${view.maxImpact}, ${formatCount(view.sizeBytes)} bytes`,
    "",
    lists,
    ...(topPostings.length === 0 ? [] : ["", postings, ...rest(livePostings - topPostings.length)]),
  ].join("\n");
}

export function formatDocument(view: DocumentView, limit: number): string {
  const { fields, terms } = view;
  const own = terms.filter(({ isOwn }) => isOwn).length;
  const rows = terms.map((term) => [
    ...nameCells(term),
    `${term.impact}`,
    term.weight.toFixed(3),
    term.idf?.toFixed(3) ?? "",
    term.isOwn ? "own" : "expanded",
  ]);
  const stored: [string, string | null][] = [
    ["title", fields.title],
    ["text", fields.text],
    ["url", fields.url],
    ["metadata", fields.metadata === null ? null : JSON.stringify(fields.metadata)],
  ];
  return [
    `document ${cutLine(view.id, 200)}, version ${view.version}`,
    `segment ${view.segmentId}, ordinal ${view.ordinal}, page ${view.page} (${view.key})`,
    ...stored
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name.padEnd(8)} ${cutLine(value!, 400)}`),
    `${counted(terms.length, "term")}: ${own} of its own, ${terms.length - own} that the model added`,
    ...(terms.length === 0
      ? []
      : [
          "",
          limited(
            [...NAME_COLUMNS, ...["impact", "weight", "IDF"].map(number), { name: "from" }],
            rows,
            limit,
          ),
        ]),
    ...(view.ownWithoutPosting.length === 0
      ? []
      : ["", `own without a posting: ${view.ownWithoutPosting.map(describeName).join(" ")}`]),
  ].join("\n");
}

const NAME_COLUMNS: readonly Column[] = [number("id"), { name: "piece", maxWidth: NAME_WIDTH }];

function nameCells({ termId, piece }: TermName): string[] {
  return [`${termId}`, piece ?? "?"];
}

function describeName({ termId, piece, idf }: TermName): string {
  return `${piece === null ? `${termId}?` : cutLine(piece, NAME_WIDTH)}${idf === null ? "" : ` (IDF ${idf.toFixed(3)})`}`;
}

function limited(columns: readonly Column[], rows: readonly (readonly string[])[], limit: number): string {
  return [formatTable(columns, rows.slice(0, limit)), ...rest(rows.length - limit)].join("\n");
}

function rest(count: number): string[] {
  return count > 0 ? [`and ${formatCount(count)} more: --limit shows more`] : [];
}

function listOrdinals(ordinals: readonly number[]): string {
  if (ordinals.length === 0) return "";
  return ` (ordinals ${ordinals.slice(0, 10).join(", ")}${ordinals.length > 10 ? ", …" : ""})`;
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}
