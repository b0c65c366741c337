/**
 * What the public routes ask of an index: answered by this Worker's own catalog and KV (`own-backend.ts`), or by a front
 * from its shards (`sharding/front-backend.ts`). Routes check addresses, keys and headers; a backend checks what only it
 * can know. Generations are numbers of an index that is whole, and tokens of a sharded one.
 */
import type { IndexSettings, RemoveOutcome } from "../shared/catalog/commands.ts";
import type { StoredFields } from "../shared/messages/document.ts";
import type { DocumentsRequest } from "./documents/accept-documents.ts";
import type { SearchAnswer } from "./search/answer-search.ts";
import type { AppContext } from "./services.ts";

export type Generation = number | string;

export interface DocumentAnswer extends StoredFields {
  readonly id: string;
  readonly version: number;
}

export interface Removal {
  readonly id: string;
  /** Null where the index numbers its versions itself. */
  readonly version: number | null;
  /** Deletes only the document at this version. */
  readonly ifVersion: number | undefined;
  readonly idempotencyKey: string | null;
}

export interface RemovalAnswer {
  readonly outcome: RemoveOutcome;
  readonly generation: Generation;
}

export interface SearchDone {
  readonly answer: SearchAnswer<Generation>;
  /** What it cost beyond the isolate, for the Server-Timing header; null where that is not known. */
  readonly cost: { readonly kvReads: number; readonly edgeHits: number } | null;
}

/** Methods fail with the LzeroErrors that the public API documents. */
export interface Backend {
  createIndex(
    context: AppContext,
    index: string,
    settings: IndexSettings,
  ): Promise<{ readonly created: boolean }>;
  /** Statistics. */
  describeIndex(context: AppContext, index: string): Promise<object>;
  /** Documents that a search would see. */
  countDocuments(context: AppContext, index: string): Promise<number>;
  acceptDocuments(context: AppContext, request: DocumentsRequest): Promise<Response>;
  describeIngest(context: AppContext, index: string, ingestId: string): Promise<object>;
  /** @throws LzeroError `document_not_found` too */
  findDocument(context: AppContext, index: string, id: string): Promise<DocumentAnswer>;
  removeDocument(context: AppContext, index: string, removal: Removal): Promise<RemovalAnswer>;
  /** @param value parameters, not checked yet */
  search(context: AppContext, index: string, value: object): Promise<SearchDone>;
}
