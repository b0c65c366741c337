/**
 * The search page. In: what it shows. Out: a whole HTML document, of use without any script. The script takes over
 * `#status` and `#results` and nothing else.
 */
import { html } from "hono/html";
import { MAX_QUERY_BYTES, MAX_RESULT_WINDOW } from "../../shared/messages/limits.ts";
import type { Generation } from "../backend.ts";
import type { SearchAnswer } from "../search/answer-search.ts";
import { FAVICON, SCRIPT, STYLE } from "./assets.ts";
import { exampleQueries, headingOf } from "./examples.ts";
import { formatBytes, formatCount } from "./format.ts";
import { pageAddress } from "./links.ts";
import { type Html, renderHits } from "./render-hits.ts";

/** Hits on one page; the script asks for as many. */
export const PAGE_HITS = 10;

/** Of the query, in the window's title. */
const MAX_TITLE_CHARACTERS = 80;

export type PageContent =
  | { readonly kind: "landing"; readonly documents: number }
  | {
      readonly kind: "answer";
      readonly answer: SearchAnswer<Generation>;
      readonly tookMs: number;
      readonly offset: number;
    }
  | { readonly kind: "error"; readonly title: string; readonly detail: string };

export interface PageState {
  readonly index: string;
  readonly query: string;
  readonly content: PageContent;
}

export function renderPage({ index, query, content }: PageState): Html {
  const { heading, lead, placeholder } = headingOf(index);
  const title = query === "" ? heading : query.slice(0, MAX_TITLE_CHARACTERS);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="Neural search at the edge, without a model at query time.">
<title>${title} – Lzero</title>
<link rel="icon" href="${FAVICON.address}" type="image/svg+xml">
<link rel="stylesheet" href="${STYLE.address}">
<script src="${SCRIPT.address}" type="module"></script>
</head>
<body>
<a class="skip" href="#results">Skip to results</a>
<header class="masthead">
<a class="brand" href="${pageAddress(index)}"><img src="${FAVICON.address}" alt="" width="28" height="28"><span>Lzero</span></a>
<p class="where">index <b>${index}</b></p>
</header>
<main class="${query === "" ? "is-landing" : "is-answer"}" data-index="${index}" data-hits="${PAGE_HITS}" data-window="${MAX_RESULT_WINDOW}">
<h1>${heading}</h1>
<p class="lead">${lead}</p>
<form role="search" action="/" method="get">
<input type="hidden" name="index" value="${index}">
<label class="hidden" for="q">Search ${index} by meaning</label>
<div class="field">
<input type="search" id="q" name="q" value="${query}" placeholder="${placeholder}" maxlength="${MAX_QUERY_BYTES}" autocomplete="off" autocapitalize="off" enterkeyhint="search" aria-describedby="keys">
<button type="submit"><span>Search</span></button>
</div>
<p id="keys" class="keys"><span><kbd>/</kbd> to type</span> <span><kbd>↓</kbd> <kbd>↑</kbd> through results</span> <span><kbd>Esc</kbd> to clear</span></p>
</form>
<p id="status" class="status" role="status">${renderStatus(content)}</p>
<section id="results" aria-label="Results" tabindex="-1">${renderContent(index, query, content)}</section>
${renderExamples(index)}
</main>
<footer>
<p>No model runs when you search: the words of a query are weighed by how rare they are, and the meaning was put into the index beforehand.</p>
<p><a href="/openapi.json">API description</a></p>
</footer>
</body>
</html>`;
}

function renderStatus(content: PageContent): string {
  if (content.kind === "error") return content.title;
  if (content.kind === "landing") {
    return content.documents === 0
      ? "The index is empty so far."
      : `${formatCount(content.documents, "document", "documents")} to search`;
  }
  const { answer, tookMs, offset } = content;
  const last = offset + answer.hits.length;
  if (last === 0) return "No results";
  const { reads, bytesRead } = answer.stats;
  const count = offset > 0 ? `Results ${offset + 1} to ${last}` : formatCount(last, "result", "results");
  return `${answer.hits.length === 0 ? "No more results" : count} in ${tookMs} ms · ${formatCount(reads, "page", "pages")}, ${formatBytes(bytesRead)} read`;
}

function renderContent(index: string, query: string, content: PageContent): Html | "" {
  if (content.kind === "landing") return "";
  if (content.kind === "error") {
    return html`<div class="notice is-error"><h2>${content.title}</h2><p>${content.detail}</p><p><a href="/">Begin anew</a></p></div>`;
  }
  const { answer, offset } = content;
  if (answer.hits.length === 0 && offset === 0) return renderNothing(answer);
  return html`${renderHits(answer.hits, offset)}
${renderNeighbours(index, query, offset, answer.hits.length)}
${renderCost(answer)}`;
}

/** Links to the hits before and after these, as far as the API answers them. */
function renderNeighbours(index: string, query: string, offset: number, hits: number): Html | "" {
  const next = offset + PAGE_HITS;
  const hasMore = hits === PAGE_HITS && next + PAGE_HITS <= MAX_RESULT_WINDOW;
  if (offset === 0 && !hasMore) return "";
  const earlier = pageAddress(index, query, Math.max(0, offset - PAGE_HITS));
  return html`<p class="more">${offset > 0 ? html`<a href="${earlier}" rel="prev">Earlier results</a>` : ""}${hasMore ? html`<a href="${pageAddress(index, query, next)}" rel="next">More results</a>` : ""}</p>`;
}

function renderNothing({ warnings }: SearchAnswer<Generation>): Html {
  const reason = warnings[0]?.message ?? "no document shares a meaning with these words";
  return html`<div class="notice"><h2>Nothing found</h2><p>It seems that ${reason}. Try other words for the same thing.</p></div>`;
}

function renderCost({ stats, generation, manifestAgeMs, exact }: SearchAnswer<Generation>): Html {
  const rows: readonly (readonly [string, string])[] = [
    ["Pages read", stats.reads.toLocaleString("en")],
    ["Bytes read", formatBytes(stats.bytesRead)],
    ["Postings scored", stats.postings.toLocaleString("en")],
    ["Query tokens", stats.tokens.toLocaleString("en")],
    ["Generation", `${generation}, read ${(manifestAgeMs / 1000).toFixed(1)} s ago`],
    ["Ranking", exact ? "exact" : "approximate"],
  ];
  return html`<details class="cost"><summary>What this answer took</summary><dl>${rows.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl></details>`;
}

function renderExamples(index: string): Html | "" {
  const examples = exampleQueries(index);
  if (examples.length === 0) return "";
  return html`<nav class="examples" aria-label="Examples"><h2>Try</h2><ul>${examples.map(
    (example) => html`<li><a href="${pageAddress(index, example)}">${example}</a></li>`,
  )}</ul></nav>`;
}
