/**
 * Search as you type. The page works without this file; with it, answers replace `#status` and `#results` while the
 * address follows. Everything from the index enters the page as text, never as HTML. The elements are those of
 * page/render-hits.ts and page/render-page.ts: change both.
 *
 * @typedef {[number, number]} TextRange
 * @typedef {{ term: string, score: number, expanded: boolean }} Term
 * @typedef {{ title: TextRange[], text: TextRange[], snippet: TextRange }} Matches
 * @typedef {{ id: string, score: number, title: string | null, url: string | null, text: string,
 *   metadata: Record<string, unknown> | null, matches?: Matches, terms?: Term[] }} Hit
 * @typedef {{ generation: number | string, manifestAgeMs: number, hits: Hit[], exact: boolean,
 *   warnings: { code: string, message: string }[],
 *   stats: { reads: number, bytesRead: number, postings: number, tokens: number } }} Answer
 */

/** Long enough to skip the letters of a word typed quickly, short enough to feel immediate. */
const TYPING_PAUSE_MS = 140;
/** An answer that comes sooner shows no sign of waiting. */
const LOADING_AFTER_MS = 250;
const MAX_ADDED_TERMS = 6;
/** A search without an answer is tried again after this long, then after twice as long each time. */
const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 30_000;

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const input = /** @type {HTMLInputElement} */ (document.getElementById("q"));
const statusLine = /** @type {HTMLElement} */ (document.getElementById("status"));
const results = /** @type {HTMLElement} */ (document.getElementById("results"));
const index = main.dataset.index ?? "";
const hitsPerPage = Number(main.dataset.hits);
const resultWindow = Number(main.dataset.window);
const landingStatus = main.classList.contains("is-landing") ? (statusLine.textContent ?? "") : "";
const landingTitle = document.querySelector("h1")?.textContent ?? "";

/** Null: the page shows no answer to any query. @type {string | null} */
let shownQuery = input.value.trim();
/** The next search: after a pause in typing, or after a failure. There is never more than one. */
let timer = 0;
let retryMs = FIRST_RETRY_MS;
/** The newest entry of the browser's history is of a query still being typed. */
let isEntryOpen = false;
/** @type {AbortController | null} */
let running = null;

/**
 * Makes an element. Strings become text nodes.
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** @param {number} count @param {string} one @param {string} many */
function formatCount(count, one, many) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** @param {number} sizeBytes */
function formatBytes(sizeBytes) {
  if (sizeBytes < 1000) return `${sizeBytes} B`;
  if (sizeBytes < 1_000_000) return `${Math.round(sizeBytes / 1000)} KB`;
  return `${(sizeBytes / 1_000_000).toFixed(1)} MB`;
}

/** @param {string} term */
function formatTerm(term) {
  return term.startsWith("##") ? `…${term.slice(2)}` : term;
}

/** @param {string} query @param {number} offset */
function pageAddress(query, offset = 0) {
  const parameters = new URLSearchParams({ index });
  if (query !== "") parameters.set("q", query);
  if (offset > 0) parameters.set("offset", String(offset));
  return `/?${parameters}`;
}

/** Only http and https become links. @param {string | null} url */
function linkTarget(url) {
  if (url === null || !URL.canParse(url)) return null;
  const parsed = new URL(url);
  return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed : null;
}

/** Part of a text with its matches marked. @param {string} text @param {TextRange[]} matches @param {TextRange} part */
function marked(text, matches, [start, end]) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let at = start;
  for (const [from, to] of matches) {
    if (from < at || to > end) continue;
    parts.push(text.slice(at, from), make("mark", {}, text.slice(from, to)));
    at = to;
  }
  parts.push(text.slice(at, end));
  return parts;
}

/** @param {Hit} hit */
function makeHit(hit) {
  const link = linkTarget(hit.url);
  const title = hit.title ?? hit.id;
  const heading = marked(title, hit.title === null ? [] : (hit.matches?.title ?? []), [0, title.length]);
  const [start, end] = hit.matches?.snippet ?? [0, hit.text.length];
  const article = make(
    "article",
    {},
    make(
      "h2",
      {},
      ...(link === null ? heading : [make("a", { href: link.href, rel: "noreferrer" }, ...heading)]),
    ),
  );
  if (link !== null) article.append(make("p", { class: "source" }, link.host));
  const text = marked(hit.text, hit.matches?.text ?? [], [start, end]);
  const before = start > 0 ? "… " : "";
  const after = end < hit.text.length ? " …" : "";
  article.append(make("p", { class: "text" }, before, ...text, after));
  const added = (hit.terms ?? []).filter(({ expanded }) => expanded).slice(0, MAX_ADDED_TERMS);
  if (added.length > 0) {
    const chips = added.flatMap(({ term }) => [make("span", { class: "chip" }, formatTerm(term)), " "]);
    article.append(
      make("p", { class: "added" }, make("span", { class: "label" }, "Added by the model"), " ", ...chips),
    );
  }
  article.append(makeDetails(hit));
  return make("li", { class: "hit" }, article);
}

/** @param {Hit} hit */
function makeDetails(hit) {
  const terms = hit.terms ?? [];
  const largest = terms[0]?.score ?? 1;
  const rows = terms.map(({ term, score, expanded }) => {
    const meter = make("meter", {
      min: "0",
      max: String(largest),
      value: String(score),
      "aria-hidden": "true",
    });
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, formatTerm(term)),
      make("td", {}, expanded ? "by the model" : "in the text"),
      make("td", { class: "number" }, `${score.toFixed(2)} `, meter),
    );
  });
  const head = ["Term", "Found", "Score"].map((name) => make("th", { scope: "col" }, name));
  const facts = make("dl", {}, make("dt", {}, "Id"), make("dd", {}, hit.id));
  for (const [name, value] of Object.entries(hit.metadata ?? {})) {
    facts.append(
      make("dt", {}, name),
      make("dd", {}, Array.isArray(value) ? value.join(", ") : String(value)),
    );
  }
  return make(
    "details",
    { class: "why" },
    make("summary", {}, `Score ${hit.score.toFixed(2)}`),
    make(
      "table",
      {},
      make("caption", {}, "What each word of the query gave"),
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...rows),
    ),
    facts,
  );
}

/** @param {Answer} answer */
function makeCost({ stats, generation, manifestAgeMs, exact }) {
  const rows = [
    ["Pages read", stats.reads.toLocaleString("en")],
    ["Bytes read", formatBytes(stats.bytesRead)],
    ["Postings scored", stats.postings.toLocaleString("en")],
    ["Query tokens", stats.tokens.toLocaleString("en")],
    ["Generation", `${generation}, read ${(manifestAgeMs / 1000).toFixed(1)} s ago`],
    ["Ranking", exact ? "exact" : "approximate"],
  ].map(([name = "", value = ""]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  return make(
    "details",
    { class: "cost" },
    make("summary", {}, "What this answer took"),
    make("dl", {}, ...rows),
  );
}

/** @param {string} title @param {string} detail @param {boolean} isError */
function showNotice(title, detail, isError) {
  const kind = isError ? "notice is-error" : "notice";
  results.replaceChildren(make("div", { class: kind }, make("h2", {}, title), make("p", {}, detail)));
}

/** @param {string} query @param {number} offset @param {Answer} answer @param {number} tookMs */
function showAnswer(query, offset, answer, tookMs) {
  const last = offset + answer.hits.length;
  if (answer.hits.length === 0 && offset === 0) {
    const reason = answer.warnings[0]?.message ?? "no document shares a meaning with these words";
    statusLine.textContent = "No results";
    showNotice("Nothing found", `It seems that ${reason}. Try other words for the same thing.`, false);
    return;
  }
  const { reads, bytesRead } = answer.stats;
  const cost = `${formatCount(reads, "page", "pages")}, ${formatBytes(bytesRead)} read`;
  const count = offset > 0 ? `Results ${offset + 1} to ${last}` : formatCount(last, "result", "results");
  statusLine.textContent = `${answer.hits.length === 0 ? "No more results" : count} in ${tookMs} ms · ${cost}`;
  const list = make("ol", { class: "hits", start: String(offset + 1) }, ...answer.hits.map(makeHit));
  /** @type {Node[]} */
  const links = [];
  const earlier = pageAddress(query, Math.max(0, offset - hitsPerPage));
  if (offset > 0) links.push(make("a", { href: earlier, rel: "prev" }, "Earlier results"));
  if (answer.hits.length === hitsPerPage && last + hitsPerPage <= resultWindow)
    links.push(make("a", { href: pageAddress(query, last), rel: "next" }, "More results"));
  const more = links.length > 0 ? [make("p", { class: "more" }, ...links)] : [];
  results.replaceChildren(list, ...more, makeCost(answer));
}

function showLanding() {
  main.className = "is-landing";
  statusLine.textContent = landingStatus;
  results.replaceChildren();
  document.title = `${landingTitle} – Lzero`;
}

/**
 * Shows the answer to a query, or the landing when it is empty. A newer search ends an older one.
 * @param {string} query
 * @param {number} offset
 */
async function search(query, offset = 0) {
  clearTimeout(timer);
  running?.abort();
  shownQuery = query;
  if (query === "") {
    setLoading(false);
    showLanding();
    return;
  }
  const current = new AbortController();
  running = current;
  const startedMs = performance.now();
  const loadingTimer = setTimeout(() => setLoading(true), LOADING_AFTER_MS);
  main.className = "is-answer";
  document.title = `${query} – Lzero`;
  const place = { k: String(hitsPerPage), offset: String(offset) };
  const parameters = new URLSearchParams({ q: query, ...place, highlight: "true" });
  try {
    const response = await fetch(`/v1/indexes/${index}/search?${parameters}`, { signal: current.signal });
    const body = await response.json();
    if (current.signal.aborted) return;
    if (response.ok) showAnswer(query, offset, body, Math.round(performance.now() - startedMs));
    else {
      statusLine.textContent = body.title;
      showNotice(body.title, `${body.detail.slice(0, 1).toUpperCase()}${body.detail.slice(1)}.`, true);
    }
    retryMs = FIRST_RETRY_MS;
  } catch {
    // A newer search has taken over.
    if (current.signal.aborted) return;
    shownQuery = null;
    if (retryMs === FIRST_RETRY_MS) {
      statusLine.textContent = "No connection";
      showNotice("No connection", "The search does not answer. This page goes on trying.", true);
    }
    timer = setTimeout(() => search(query, offset), retryMs);
    retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
  } finally {
    clearTimeout(loadingTimer);
    if (running === current) setLoading(false);
  }
}

/**
 * The address follows the query. All letters of one query share an entry of the history, so that Back leads to what
 * was there before the first of them.
 * @param {string} query
 * @param {boolean} isTyping
 */
function searchAnew(query, isTyping) {
  const address = pageAddress(query);
  if (isEntryOpen) history.replaceState(null, "", address);
  else if (address !== location.pathname + location.search) history.pushState(null, "", address);
  isEntryOpen = isTyping;
  retryMs = FIRST_RETRY_MS;
  search(query);
}

/** @param {boolean} isLoading */
function setLoading(isLoading) {
  results.setAttribute("aria-busy", String(isLoading));
  form.classList.toggle("is-loading", isLoading);
}

input.addEventListener("input", () => {
  const query = input.value.trim();
  clearTimeout(timer);
  if (query !== shownQuery)
    timer = setTimeout(() => searchAnew(query, true), query === "" ? 0 : TYPING_PAUSE_MS);
});

input.addEventListener("blur", () => {
  isEntryOpen = false;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  searchAnew(input.value.trim(), false);
});

document.querySelector(".examples")?.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest("a");
  const opensElsewhere = event instanceof MouseEvent && (event.metaKey || event.ctrlKey || event.shiftKey);
  if (link === null || opensElsewhere) return;
  event.preventDefault();
  input.value = link.textContent ?? "";
  input.focus();
  isEntryOpen = false;
  searchAnew(input.value, false);
  window.scrollTo(0, 0);
});

window.addEventListener("popstate", () => {
  const parameters = new URLSearchParams(location.search);
  input.value = parameters.get("q") ?? "";
  isEntryOpen = false;
  search(input.value.trim(), Number(parameters.get("offset")) || 0);
});

/** The places that the arrow keys visit: each hit's link, or its details when it has none. */
function stops() {
  return [...results.querySelectorAll(".hit")].map(
    (hit) => /** @type {HTMLElement} */ (hit.querySelector("h2 a") ?? hit.querySelector("summary")),
  );
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    input.focus();
    input.select();
  } else if (event.key === "Escape") {
    if (document.activeElement !== input) input.focus();
    else if (input.value !== "") {
      event.preventDefault();
      input.value = "";
      searchAnew("", true);
    }
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const all = stops();
    const place = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (place < 0 && document.activeElement !== input) return;
    const next = place + (event.key === "ArrowDown" ? 1 : -1);
    if (next >= all.length || (place < 0 && next < 0)) return;
    event.preventDefault();
    const target = next < 0 ? input : all[next];
    target?.focus();
    target?.closest(".hit")?.scrollIntoView({ block: "nearest" });
  }
});
