/** The search page at `/`, rendered here whole, and its own files. */
import { isLzeroError } from "../../shared/errors.ts";
import { MAX_RESULT_WINDOW } from "../../shared/messages/limits.ts";
import type { Backend } from "../backend.ts";
import { describeError, logError } from "../http/problem.ts";
import { ASSETS } from "../page/assets.ts";
import { formatSentence } from "../page/format.ts";
import { PAGE_HITS, type PageContent, renderPage } from "../page/render-page.ts";
import type { App, AppContext, Services } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

const DEFAULT_INDEX = "demo";

export function addPageRoutes(app: App, services: Services, backend: Backend): void {
  for (const asset of ASSETS) {
    app.get(asset.path, (context) => {
      context.header("content-type", asset.type);
      const isCurrent = context.req.url.endsWith(asset.address);
      context.header("cache-control", isCurrent ? "public, max-age=31536000, immutable" : "no-cache");
      return context.body(asset.text);
    });
  }

  app.get("/", async (context) => {
    const parameters = new URL(context.req.url).searchParams;
    const query = (parameters.get("q") ?? "").toWellFormed().trim();
    const named = parameters.get("index") ?? (context.env.DEFAULT_INDEX || DEFAULT_INDEX);
    const found = await findContent(context, named, query, readOffset(parameters.get("offset")));
    context.header("cache-control", "no-store");
    // A name that is refused is not repeated as if it were an index.
    const index = found.isNameValid ? named : DEFAULT_INDEX;
    return context.html(renderPage({ index, query, content: found.content }), found.status);
  });

  /** Errors have the same page, with the status that the API would answer. */
  async function findContent(
    context: AppContext,
    named: string,
    query: string,
    offset: number,
  ): Promise<{ content: PageContent; status: 200 | 400 | 404 | 500 | 503; isNameValid: boolean }> {
    let isNameValid = false;
    try {
      const index = checkIndexName(named);
      isNameValid = true;
      const content: PageContent =
        query === ""
          ? { kind: "landing", documents: await backend.countDocuments(context, index) }
          : await answerQuery(context, index, query, offset);
      return { content, status: 200, isNameValid };
    } catch (error) {
      const requestId = context.get("requestId");
      const { problem, isOurFault } = describeError(error, requestId);
      if (isOurFault) logError(error, requestId, "GET /");
      const title = isLzeroError(error, "index_not_found") ? "There is no such index" : problem.title;
      const detail = `${formatSentence(problem.detail)}${isOurFault ? ` (${requestId})` : ""}.`;
      const status = ([400, 404, 503] as const).find((known) => known === problem.status) ?? 500;
      return { content: { kind: "error", title, detail }, status, isNameValid };
    }
  }

  async function answerQuery(
    context: AppContext,
    index: string,
    query: string,
    offset: number,
  ): Promise<PageContent> {
    const startedMs = services.nowMs();
    const { answer } = await backend.search(context, index, {
      q: query,
      k: PAGE_HITS,
      offset,
      highlight: true,
    });
    return { kind: "answer", answer, offset, tookMs: services.nowMs() - startedMs };
  }
}

/** Anything that is no place in the results is their beginning. */
function readOffset(text: string | null): number {
  const offset = Number(text ?? 0);
  return Number.isInteger(offset) && offset >= 0 && offset + PAGE_HITS <= MAX_RESULT_WINDOW ? offset : 0;
}
