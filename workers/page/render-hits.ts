/**
 * Hits as HTML. In: the search's answer with explanations. Out: escaped HTML; whatever a document holds, it stays text.
 * The client script builds the same elements (page/client/app.client.js): change both.
 */
import { html } from "hono/html";
import type { SearchHit } from "../search/answer-search.ts";
import type { TextRange } from "../search/explain-hits.ts";
import { formatTerm } from "./format.ts";
import { linkTarget } from "./links.ts";

/** Escaped HTML, as `html` makes it. */
export type Html = ReturnType<typeof html>;

/** Added terms shown beside a hit; the rest are in its details. */
const MAX_ADDED_TERMS = 6;

export function renderHits(hits: readonly SearchHit[], offset: number): Html {
  return html`<ol class="hits" start="${offset + 1}">${hits.map(renderHit)}</ol>`;
}

function renderHit(hit: SearchHit): Html {
  const href = linkTarget(hit.url);
  const title = hit.title ?? hit.id;
  const heading = renderMarked(title, hit.title === null ? [] : (hit.matches?.title ?? []), [
    0,
    title.length,
  ]);
  const [start, end] = hit.matches?.snippet ?? [0, hit.text.length];
  return html`<li class="hit"><article>
<h2>${href === null ? heading : html`<a href="${href}" rel="noreferrer">${heading}</a>`}</h2>
${href === null ? "" : html`<p class="source">${new URL(href).host}</p>`}
<p class="text">${start > 0 ? "… " : ""}${renderMarked(hit.text, hit.matches?.text ?? [], [start, end])}${end < hit.text.length ? " …" : ""}</p>
${renderAdded(hit)}
${renderDetails(hit)}
</article></li>`;
}

/** Part of a text with its matches in `mark`. */
function renderMarked(text: string, matches: readonly TextRange[], [start, end]: TextRange): Html[] {
  const parts: Html[] = [];
  let at = start;
  for (const [from, to] of matches) {
    if (from < at || to > end) continue;
    parts.push(html`${text.slice(at, from)}<mark>${text.slice(from, to)}</mark>`);
    at = to;
  }
  parts.push(html`${text.slice(at, end)}`);
  return parts;
}

/** Terms of the query that the model gave the document though its text does not have them. */
function renderAdded(hit: SearchHit): Html | "" {
  const added = (hit.terms ?? []).filter(({ expanded }) => expanded).slice(0, MAX_ADDED_TERMS);
  if (added.length === 0) return "";
  return html`<p class="added"><span class="label">Added by the model</span> ${added.map(
    ({ term }) => html`<span class="chip">${formatTerm(term)}</span> `,
  )}</p>`;
}

function renderDetails(hit: SearchHit): Html {
  const terms = hit.terms ?? [];
  const largest = terms[0]?.score ?? 1;
  const metadata = Object.entries(hit.metadata ?? {});
  return html`<details class="why"><summary>Score ${hit.score.toFixed(2)}</summary>
<table><caption>What each word of the query gave</caption>
<thead><tr><th scope="col">Term</th><th scope="col">Found</th><th scope="col">Score</th></tr></thead>
<tbody>${terms.map(
    ({ term, score, expanded }) =>
      html`<tr><th scope="row">${formatTerm(term)}</th><td>${expanded ? "by the model" : "in the text"}</td><td class="number">${score.toFixed(2)} <meter min="0" max="${largest}" value="${score}" aria-hidden="true"></meter></td></tr>`,
  )}</tbody></table>
<dl><dt>Id</dt><dd>${hit.id}</dd>${metadata.map(
    ([name, value]) =>
      html`<dt>${name}</dt><dd>${Array.isArray(value) ? value.join(", ") : String(value)}</dd>`,
  )}</dl></details>`;
}
