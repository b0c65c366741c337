/** One document by its id: the catalog says where its live version lies, so that none waits for KV to show a generation. */
import type { DocumentLocation } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import type { DocumentAnswer } from "../backend.ts";
import type { ReadContext } from "../search/read-context.ts";
import { readStoredDocument } from "../search/stored-pages.ts";

/** @throws LzeroError `document_not_found`, `page_missing`, `index_not_found` */
export async function findDocument(context: ReadContext, id: string): Promise<DocumentAnswer> {
  const read = async (): Promise<DocumentAnswer> => {
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
