/**
 * `POST …/documents`: many documents in one request. `GET …/ingests/{ingestId}`: what became of them.
 */
import { LzeroError } from "../../shared/errors.ts";
import { MAX_REQUEST_BODY_BYTES } from "../../shared/messages/limits.ts";
import type { BodyFormat } from "../../shared/messages/parse-documents.ts";
import { INGEST_ID_PATTERN } from "../../shared/messages/queue-message.ts";
import type { Backend } from "../backend.ts";
import { requireKey } from "../http/auth.ts";
import { readBody, requireContentType } from "../http/body.ts";
import type { App } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

const FORMAT_BY_TYPE: Readonly<Record<string, BodyFormat>> = {
  "application/json": "json",
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/jsonl": "ndjson",
};

export function addDocumentRoutes(app: App, backend: Backend): void {
  app.post("/v1/indexes/:index/documents", async (context) => {
    const request = context.req.raw;
    await requireKey(request, context.env, "write");
    return await backend.acceptDocuments(context, {
      index: checkIndexName(context.req.param("index")),
      format: FORMAT_BY_TYPE[requireContentType(request, Object.keys(FORMAT_BY_TYPE))]!,
      readBody: () => readBody(request, MAX_REQUEST_BODY_BYTES),
    });
  });

  app.get("/v1/indexes/:index/ingests/:ingestId", async (context) => {
    await requireKey(context.req.raw, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const ingestId = context.req.param("ingestId");
    if (!INGEST_ID_PATTERN.test(ingestId)) {
      throw new LzeroError("ingest_not_found", "an ingest's id is 32 hex digits");
    }
    return context.json(await backend.describeIngest(context, index, ingestId));
  });
}
