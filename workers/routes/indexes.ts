/** `PUT /v1/indexes/{index}` creates an index; `GET` of it gives its statistics. */
import { indexSettingsSchema } from "../../shared/catalog/commands.ts";
import type { Backend } from "../backend.ts";
import { requireKey } from "../http/auth.ts";
import { readJson } from "../http/body.ts";
import type { App } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

const MAX_SETTINGS_BYTES = 16 * 1024;

export function addIndexRoutes(app: App, backend: Backend): void {
  /** Idempotent; settings are fixed for the life of the index. An empty body means the defaults. */
  app.put("/v1/indexes/:index", async (context) => {
    await requireKey(context.req.raw, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const hasBody = context.req.raw.body !== null && context.req.header("content-length") !== "0";
    const settings = hasBody
      ? await readJson(context.req.raw, indexSettingsSchema, MAX_SETTINGS_BYTES)
      : indexSettingsSchema.parse({});
    const { created } = await backend.createIndex(context, index, settings);
    return context.json({ index, created, settings }, created ? 201 : 200);
  });

  app.get("/v1/indexes/:index", async (context) => {
    const index = checkIndexName(context.req.param("index"));
    return context.json(await backend.describeIndex(context, index));
  });
}
