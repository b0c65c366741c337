/**
 * The public API as OpenAPI 3.1, from the schemas that check it. The internal routes are not in it: they belong to the
 * batch job. A test compares it with the routes.
 */
import * as z from "zod";
import { indexSettingsSchema } from "../../shared/catalog/commands.ts";
import { documentInputSchema } from "../../shared/messages/document-input.ts";
import { TRACEPARENT_PATTERN } from "../../shared/messages/trace-context.ts";
import { searchRequestSchema, shardedSearchRequestSchema } from "../search/search-request.ts";
import {
  createdSchema,
  documentSchema,
  frontStatusSchema,
  generationTokenSchema,
  ingestAnswerSchema,
  ingestStatusSchema,
  problemSchema,
  removedSchema,
  searchAnswerSchema,
  statusSchema,
  tooManyPendingSchema,
} from "./schemas.ts";

interface Operation {
  readonly method: "get" | "post" | "put" | "delete";
  readonly path: string;
  readonly summary: string;
  readonly needsKey: boolean;
  readonly parameters?: readonly object[];
  readonly body?: Readonly<Record<string, z.ZodType>>;
  readonly status: number;
  readonly answer: z.ZodType;
  /** Refusals by status that need more than the common description. */
  readonly refusals?: Readonly<Record<number, object>>;
}

const index = pathParameter("index", "1 to 64 characters: a-z, 0-9 and -");
const id = pathParameter("id", "a document's id");
const ingestId = pathParameter("ingestId", "32 hex digits");
const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  schema: { type: "string", minLength: 1, maxLength: 255 },
  description: "Repeating the request with the same key sends again only what is still pending.",
};
const documents = z.array(documentInputSchema).min(1);
/** The id is in the address; the condition may be in the headers. */
const oneDocument = documentInputSchema.partial({ id: true });
const once = {
  ...idempotencyKey,
  description: "Repeating the deletion with the same key gives the same answer and deletes nothing again.",
};
const tag = { type: "string", pattern: '^"[0-9]{1,16}"$', examples: ['"17"'] };
const ifMatch = {
  name: "If-Match",
  in: "header",
  schema: tag,
  description: "The ETag of the version that this is for; at any other one it is a version_conflict.",
};
const ifAbsent = {
  name: "If-None-Match",
  in: "header",
  schema: { type: "string", const: "*" },
  description: "Only if there is no such document.",
};
const ifChanged = {
  name: "If-None-Match",
  in: "header",
  schema: { type: "string" },
  description: "ETags that the reader has: 304 without a body when the version is among them.",
};
const versionConflict = {
  description:
    "version_conflict: the committed version contradicts the condition already. A condition that may still hold is decided when the write is committed: its outcome in the ingest is `failed` with the code version_conflict then.",
  content: { "application/problem+json": { schema: jsonSchema(problemSchema, "output") } },
};
const traceparent = {
  name: "traceparent",
  in: "header",
  schema: { type: "string", pattern: TRACEPARENT_PATTERN.source },
  description:
    "W3C trace context; the batch job's log has its trace id beside the ingest's. Malformed: left out.",
};
const tooManyPending = {
  description:
    "Backpressure: the index has more pending documents than MAX_PENDING_DOCUMENTS (default 100,000), or the oldest of them is older than MAX_PENDING_SECONDS (default one day). A repetition of a request that was accepted before is never refused.",
  headers: {
    "Retry-After": {
      schema: { type: "integer", minimum: 1, maximum: 60 },
      description: "Seconds until there is probably room, at the pace at which documents leave.",
    },
  },
  content: { "application/problem+json": { schema: jsonSchema(tooManyPendingSchema, "output") } },
};

/** Answers that differ between an index that is whole and one in shards. */
interface Forms {
  readonly status: z.ZodType;
  readonly removed: z.ZodType;
  readonly ingestStatus: z.ZodType;
  readonly searchAnswer: z.ZodType;
  readonly searchRequest: z.ZodObject;
}

const WHOLE: Forms = {
  status: statusSchema,
  removed: removedSchema,
  ingestStatus: ingestStatusSchema,
  searchAnswer: searchAnswerSchema,
  searchRequest: searchRequestSchema,
};

const SHARDED: Forms = {
  status: frontStatusSchema,
  removed: removedSchema.extend({ generation: generationTokenSchema }),
  ingestStatus: ingestStatusSchema.extend({ generation: generationTokenSchema.nullable() }),
  searchAnswer: searchAnswerSchema.extend({ generation: generationTokenSchema }),
  searchRequest: shardedSearchRequestSchema,
};

const operationsOf = (forms: Forms): readonly Operation[] => [
  {
    method: "put",
    path: "/v1/indexes/{index}",
    summary: "Create an index; idempotent, its settings are fixed",
    needsKey: true,
    parameters: [index],
    body: { "application/json": indexSettingsSchema },
    status: 201,
    answer: createdSchema,
  },
  {
    method: "get",
    path: "/v1/indexes/{index}",
    summary: "Statistics of an index",
    needsKey: false,
    parameters: [index],
    status: 200,
    answer: forms.status,
  },
  {
    method: "post",
    path: "/v1/indexes/{index}/documents",
    summary: "Write documents: at most 500 and 5 MB a request, 200 KB a document",
    needsKey: true,
    parameters: [index, idempotencyKey, traceparent],
    body: { "application/json": documents, "application/x-ndjson": documentInputSchema },
    status: 202,
    answer: ingestAnswerSchema,
    refusals: { 409: versionConflict, 429: tooManyPending },
  },
  {
    method: "get",
    path: "/v1/indexes/{index}/documents/{id}",
    summary: "The live version of a document; its ETag is the version in quotes",
    needsKey: false,
    parameters: [index, id, ifChanged],
    status: 200,
    answer: documentSchema,
    refusals: { 304: { description: "The reader has this version" } },
  },
  {
    method: "put",
    path: "/v1/indexes/{index}/documents/{id}",
    summary: "Write one document, on a condition or without",
    needsKey: true,
    parameters: [index, id, ifMatch, ifAbsent, idempotencyKey, traceparent],
    body: { "application/json": oneDocument },
    status: 202,
    answer: ingestAnswerSchema,
    refusals: { 409: versionConflict, 429: tooManyPending },
  },
  {
    method: "delete",
    path: "/v1/indexes/{index}/documents/{id}",
    summary: "Delete a document, on a condition or without",
    needsKey: true,
    parameters: [index, id, queryParameter("version", { type: "integer", minimum: 0 }), ifMatch, once],
    status: 200,
    answer: forms.removed,
    refusals: { 409: versionConflict },
  },
  {
    method: "get",
    path: "/v1/indexes/{index}/ingests/{ingestId}",
    summary: "What became of each document of a request",
    needsKey: true,
    parameters: [index, ingestId],
    status: 200,
    answer: forms.ingestStatus,
  },
  {
    method: "get",
    path: "/v1/indexes/{index}/search",
    summary: "Search",
    needsKey: false,
    parameters: [index, ...searchParameters(forms.searchRequest)],
    status: 200,
    answer: forms.searchAnswer,
  },
  {
    method: "post",
    path: "/v1/indexes/{index}/search",
    summary: "Search, with the parameters in the body",
    needsKey: false,
    parameters: [index],
    body: { "application/json": forms.searchRequest },
    status: 200,
    answer: forms.searchAnswer,
  },
];

/** Makes the description. */
export function openApiDocument(): object {
  return describeApi(WHOLE);
}

/** Makes that of a front: generations are tokens, statistics are by shard. */
export function frontApiDocument(): object {
  return describeApi(SHARDED);
}

function describeApi(forms: Forms): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operationsOf(forms)) {
    paths[operation.path] ??= {};
    paths[operation.path]![operation.method] = describeOperation(operation);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Lzero", version: "1", license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      securitySchemes: { writeKey: { type: "http", scheme: "bearer" } },
      responses: {
        problem: {
          description: "RFC 9457 problem details",
          content: { "application/problem+json": { schema: jsonSchema(problemSchema, "output") } },
        },
      },
    },
  };
}

function describeOperation(operation: Operation): object {
  const { summary, needsKey, parameters, body, status, answer, refusals } = operation;
  return {
    summary,
    ...(needsKey ? { security: [{ writeKey: [] }] } : {}),
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: describeContent(body, "input") } }),
    responses: {
      [status]: { description: summary, content: describeContent({ "application/json": answer }, "output") },
      ...refusals,
      default: { $ref: "#/components/responses/problem" },
    },
  };
}

function describeContent(types: Readonly<Record<string, z.ZodType>>, io: "input" | "output"): object {
  return Object.fromEntries(
    Object.entries(types).map(([type, schema]) => [type, { schema: jsonSchema(schema, io) }]),
  );
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

function pathParameter(name: string, description: string): object {
  return { name, in: "path", required: true, schema: { type: "string" }, description };
}

function queryParameter(name: string, schema: object, required = false): object {
  return { name, in: "query", required, schema };
}

function searchParameters(request: z.ZodType): object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(request, { io: "input" });
  return Object.entries(properties).map(([name, schema]) =>
    queryParameter(name, schema as object, required.includes(name)),
  );
}
