/** `GET|POST /v1/indexes/{index}/search`. */

import * as z from "zod";
import { LzeroError } from "../../shared/errors.ts";
import type { Backend, SearchDone } from "../backend.ts";
import { readJson } from "../http/body.ts";
import { allowOrigins } from "../http/headers.ts";
import { readSearchParameters } from "../search/search-request.ts";
import type { App, AppContext, Services } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

/** A query of 2 KB, escaped, and its parameters. */
const MAX_SEARCH_BODY_BYTES = 16 * 1024;

export function addSearchRoutes(app: App, services: Services, backend: Backend): void {
  app.use("/v1/indexes/:index/search", allowOrigins);

  app.get("/v1/indexes/:index/search", (context) =>
    answer(context, readSearchParameters(new URL(context.req.url).searchParams)),
  );

  app.post("/v1/indexes/:index/search", async (context) =>
    answer(context, await readJson(context.req.raw, z.unknown(), MAX_SEARCH_BODY_BYTES)),
  );

  async function answer(context: AppContext, value: unknown): Promise<Response> {
    const index = checkIndexName(context.req.param("index") ?? "");
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new LzeroError("body_invalid", "a search is a JSON object");
    }
    const startedMs = services.nowMs();
    const found = await backend.search(context, index, value);
    context.header("cache-control", "no-store");
    context.header("server-timing", describeCost(found, services.nowMs() - startedMs));
    return context.json(found.answer);
  }
}

/** Time as far as a Worker can see it (its clock moves with I/O alone), reads that went to KV, and that did not. */
function describeCost({ cost }: SearchDone, durationMs: number): string {
  const reads = cost === null ? "" : `, kv;desc="${cost.kvReads} reads", edge;desc="${cost.edgeHits} hits"`;
  return `total;dur=${durationMs}${reads}`;
}
