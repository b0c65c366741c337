/**
 * `/internal/indexes/{index}/…`: the catalog's commands for the batch job, as shared/catalog/commands.ts lists them.
 * In: JSON that fits the command's schema. Out: what the catalog answers. The publish key opens these, nothing else.
 */
import type * as z from "zod";
import {
  abortRequestSchema,
  collectRequestSchema,
  commitRequestSchema,
  locateRequestSchema,
  pendingRequestSchema,
  settleRequestSchema,
  stageRequestSchema,
  weighRequestSchema,
} from "../../shared/catalog/commands.ts";
import type { CatalogClient } from "../catalog-client.ts";
import { requireKey } from "../http/auth.ts";
import { readJson } from "../http/body.ts";
import type { App, Services } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

/** 10,000 settled outcomes with messages of some hundred characters. */
export const MAX_INTERNAL_BODY_BYTES = 8 * 1024 * 1024;

export function addInternalRoutes(app: App, services: Services): void {
  function addCommand<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
    run: (catalog: CatalogClient, request: z.output<Schema>) => Promise<unknown>,
  ): void {
    app.post(`/internal/indexes/:index/${name}`, async (context) => {
      await requireKey(context.req.raw, context.env, "publish");
      const index = checkIndexName(context.req.param("index") ?? "");
      const request = await readJson(context.req.raw, schema, MAX_INTERNAL_BODY_BYTES);
      const answer = await run(services.catalogOf(context.env, index), request);
      return context.json((answer ?? {}) as object);
    });
  }

  addCommand("stage", stageRequestSchema, (catalog, request) => catalog.stage(request));
  addCommand("locate", locateRequestSchema, (catalog, request) => catalog.locate(request));
  addCommand("commit", commitRequestSchema, (catalog, request) => catalog.commit(request));
  addCommand("abort", abortRequestSchema, (catalog, request) => catalog.abort(request));
  addCommand("settle", settleRequestSchema, (catalog, request) => catalog.settle(request));
  addCommand("collect", collectRequestSchema, (catalog, request) => catalog.collect(request));
  addCommand("pending", pendingRequestSchema, (catalog, request) => catalog.pending(request));

  addCommand("weigh", weighRequestSchema, (catalog, request) => catalog.weigh(request));

  app.get("/internal/indexes/:index/status", async (context) => {
    await requireKey(context.req.raw, context.env, "publish");
    const index = checkIndexName(context.req.param("index"));
    return context.json(await services.catalogOf(context.env, index).status());
  });
}
