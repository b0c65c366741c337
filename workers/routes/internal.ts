/**
 * `/internal/indexes/{index}/…`: the catalog's commands for the batch job and its operator, as shared/catalog/commands.ts
 * and history-commands.ts list them. In: JSON that fits the command's schema. Out: what the catalog answers. The publish
 * key opens these, nothing else.
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
import {
  compareRequestSchema,
  garbageRequestSchema,
  locatedRequestSchema,
  pinRequestSchema,
  rollbackRequestSchema,
} from "../../shared/catalog/history-commands.ts";
import { LzeroError } from "../../shared/errors.ts";
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
  addCommand("garbage", garbageRequestSchema, (catalog, request) => catalog.garbage(request));
  addCommand("rollback", rollbackRequestSchema, (catalog, request) => catalog.rollback(request));
  addCommand("pin", pinRequestSchema, (catalog, request) => catalog.pin(request));
  addCommand("compare", compareRequestSchema, (catalog, request) => catalog.compare(request));

  addCommand("located", locatedRequestSchema, (catalog, request) => catalog.located(request));

  for (const name of ["status", "generations"] as const) {
    app.get(`/internal/indexes/:index/${name}`, async (context) => {
      await requireKey(context.req.raw, context.env, "publish");
      const index = checkIndexName(context.req.param("index") ?? "");
      return context.json((await services.catalogOf(context.env, index)[name]()) as object);
    });
  }

  /** A manifest as KV holds it; `generation` may be any that is retained. */
  app.get("/internal/indexes/:index/manifest", async (context) => {
    await requireKey(context.req.raw, context.env, "publish");
    const index = checkIndexName(context.req.param("index"));
    const generation = readGeneration(context.req.query("generation"));
    const value = await services.catalogOf(context.env, index).manifest(generation);
    return new Response(value as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": "application/octet-stream", "cache-control": "no-store" },
    });
  });
}

/** @throws LzeroError `parameter_invalid` */
function readGeneration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new LzeroError("parameter_invalid", "generation is not a number", { parameter: "generation" });
}
