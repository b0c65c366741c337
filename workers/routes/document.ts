/**
 * One document by its id: `GET …/documents/{id}` and `DELETE`. The catalog says where its live version lies, so that
 * neither waits for KV to show a generation.
 */

import type { DocumentLocation } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { findIdFault } from "../../shared/messages/document-input.ts";
import { MAX_VERSION } from "../../shared/messages/limits.ts";
import { requireKey } from "../http/auth.ts";
import { makeReadContext, type ReadContext } from "../search/read-context.ts";
import { readStoredDocument } from "../search/stored-pages.ts";
import type { App, Services } from "../services.ts";
import { checkIndexName } from "./index-name.ts";

export function addDocumentByIdRoutes(app: App, services: Services): void {
  app.get("/v1/indexes/:index/documents/:id", async (context) => {
    const index = checkIndexName(context.req.param("index"));
    const id = checkDocumentId(context.req.param("id"));
    const document = await findDocument(makeReadContext(context, services, index), id);
    context.header("cache-control", "no-store");
    return context.json(document);
  });

  app.delete("/v1/indexes/:index/documents/:id", async (context) => {
    await requireKey(context.req.raw, context.env, "write");
    const index = checkIndexName(context.req.param("index"));
    const id = checkDocumentId(context.req.param("id"));
    const version = readVersion(new URL(context.req.url).searchParams);
    const { generation, outcomes } = await services
      .catalogOf(context.env, index)
      .remove({ documents: [{ key: documentKey(id), version }] });
    const outcome = outcomes[0]!;
    if (outcome === "superseded") {
      throw new LzeroError("version_superseded", "a higher version of this document is indexed", {
        generation,
        version,
      });
    }
    return context.json({ id, outcome, generation });
  });
}

/** @throws LzeroError `document_not_found`, `page_missing`, `index_not_found` */
async function findDocument(context: ReadContext, id: string): Promise<object> {
  const read = async (): Promise<object> => {
    const location: DocumentLocation | null = await context.catalog.lookup(documentKey(id));
    const document = location === null ? null : await readStoredDocument(context, location);
    if (document === null || document.id !== id) {
      throw new LzeroError("document_not_found", "the index has no document with this id", {
        index: context.index,
      });
    }
    const { title, url, metadata, text } = document.fields;
    return { id, version: document.version, title, url, metadata, text };
  };
  try {
    return await read();
  } catch (error) {
    // A merge may have moved it between the two steps.
    if (!isLzeroError(error, "page_missing")) throw error;
    return read();
  }
}

/** @throws LzeroError `id_empty`, `id_invalid`, `id_too_long` */
function checkDocumentId(text: string): string {
  const id = text.toWellFormed();
  const fault = findIdFault(id);
  if (fault !== null) throw new LzeroError(fault.code, fault.message, { field: "id" });
  return id;
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
