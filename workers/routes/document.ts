/**
 * One document by its id: `GET …/documents/{id}`, `PUT` and `DELETE`. Its entity tag is its version: with `If-Match` a write or deletion is for
 * that version alone, with `If-None-Match: *` a write is for a new document.
 */
import * as z from "zod";
import { LzeroError } from "../../shared/errors.ts";
import { findIdFault } from "../../shared/messages/document-input.ts";
import { MAX_REQUEST_BODY_BYTES, MAX_VERSION } from "../../shared/messages/limits.ts";
import type { Backend } from "../backend.ts";
import { requireKey } from "../http/auth.ts";
import { readJson } from "../http/body.ts";
import { entityTag, isNotModified, readDeleteCondition, readWriteCondition } from "../http/conditions.ts";
import type { App } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

export function addDocumentByIdRoutes(app: App, backend: Backend): void {
  app.get("/v1/indexes/:index/documents/:id", async (context) => {
    const index = checkIndexName(context.req.param("index"));
    const id = checkDocumentId(context.req.param("id"));
    const document = await backend.findDocument(context, index, id);
    context.header("cache-control", "no-store");
    context.header("etag", entityTag(document.version));
    if (isNotModified(context.req.raw.headers, document.version)) return context.body(null, 304);
    return context.json(document);
  });

  app.put("/v1/indexes/:index/documents/:id", async (context) => {
    const request = context.req.raw;
    await requireKey(request, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const id = checkDocumentId(context.req.param("id"));
    const ifVersion = readWriteCondition(request.headers);
    return await backend.acceptDocuments(context, {
      index,
      format: "json",
      readBody: async () => {
        const document = await readJson(request, z.unknown(), MAX_REQUEST_BODY_BYTES);
        return encodeOne(document, id, ifVersion);
      },
    });
  });

  app.delete("/v1/indexes/:index/documents/:id", async (context) => {
    await requireKey(context.req.raw, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const id = checkDocumentId(context.req.param("id"));
    const version = readVersion(new URL(context.req.url).searchParams);
    const ifVersion = readDeleteCondition(context.req.raw.headers);
    const idempotencyKey = context.req.header("idempotency-key") ?? null;
    const { outcome, generation } = await backend.removeDocument(context, index, {
      id,
      version,
      ifVersion,
      idempotencyKey,
    });
    if (outcome === "conflict") {
      throw new LzeroError("version_conflict", `the document is not at version ${ifVersion}`, {
        generation,
        ifVersion: ifVersion ?? null,
      });
    }
    if (outcome === "superseded") {
      throw new LzeroError("version_superseded", "a higher version of this document is indexed", {
        generation,
        version,
      });
    }
    return context.json({ id, outcome, generation });
  });
}

/** @throws LzeroError `id_empty`, `id_invalid`, `id_too_long` */
function checkDocumentId(text: string): string {
  const id = text.toWellFormed();
  const fault = findIdFault(id);
  if (fault !== null) throw new LzeroError(fault.code, fault.message, { field: "id" });
  return id;
}

/**
 * One document as a body of many, with the id and the condition of its request.
 * @throws LzeroError `body_invalid`, `condition_invalid`
 */
function encodeOne(value: unknown, id: string, ifVersion: number | null | undefined): Uint8Array {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LzeroError("body_invalid", "the body is not a JSON object");
  }
  const document = value as Readonly<Record<string, unknown>>;
  if (document.id !== undefined && document.id !== id) {
    throw new LzeroError("body_invalid", "id is not that of the address", { field: "id" });
  }
  const hasCondition = document.ifVersion !== undefined || document.ifAbsent !== undefined;
  if (hasCondition && ifVersion !== undefined) {
    throw new LzeroError("condition_invalid", "the condition is in the headers and in the body");
  }
  const condition = ifVersion === undefined ? {} : ifVersion === null ? { ifAbsent: true } : { ifVersion };
  return new TextEncoder().encode(JSON.stringify([{ ...document, id, ...condition }]));
}

/** @throws LzeroError `parameter_invalid`, `parameter_unknown`, `parameter_repeated` */
function readVersion(parameters: URLSearchParams): number | null {
  for (const name of parameters.keys()) {
    if (name !== "version") {
      const parameter = name.slice(0, 64);
      throw new LzeroError("parameter_unknown", `${parameter} is not a parameter here`, { parameter });
    }
  }
  const values = parameters.getAll("version");
  if (values.length === 0) return null;
  if (values.length > 1) {
    throw new LzeroError("parameter_repeated", "version is there twice", { parameter: "version" });
  }
  const version = /^\d{1,16}$/.test(values[0]!) ? Number(values[0]) : Number.NaN;
  if (!(version <= MAX_VERSION)) {
    throw new LzeroError("parameter_invalid", "version is not an integer from 0 to 2^53 - 1", {
      parameter: "version",
    });
  }
  return version;
}
