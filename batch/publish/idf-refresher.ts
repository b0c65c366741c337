/**
 * Keeps the query tables of an index at what its settings ask for: the model's own table, or a snapshot in which the
 * corpus counts. A snapshot costs a read a segment and one write, and every reader loads it anew, so it is made again
 * only when the corpus has grown or shrunk by a share, not after every commit. Documents are never encoded again.
 */
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import { encodeQueryTables } from "../../shared/format/query-tables.ts";
import { idfTable } from "../../shared/model/idf.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import { readCorpusFrequencies } from "./corpus-frequencies.ts";
import type { BoundModel, IndexTarget } from "./publish-target.ts";
import type { OnStep } from "./write-segment.ts";

/** A snapshot is made again when the number of documents has changed by this share of what it counted. */
export const REFRESH_SHARE = 0.1;

export interface IdfRefresh {
  readonly generation: number;
  readonly tables: string;
  readonly documents: number;
}

export interface RefreshOptions {
  /** Also when the counts are fresh enough. */
  readonly always?: boolean;
  readonly onStep?: OnStep;
}

/** Whether queries are weighted by something else than the settings ask for, or by counts that are too old. */
export function needsRefresh({ settings, model, snapshot, segments }: CatalogStatus): boolean {
  if (model === null) return false;
  if (settings.idf === "model") return snapshot !== null;
  if (snapshot === null || snapshot.idf !== settings.idf) return segments.length > 0;
  const documents = countDocuments(segments);
  return Math.abs(documents - snapshot.documents) > REFRESH_SHARE * snapshot.documents;
}

/**
 * Publishes the tables that the settings ask for, if they are not in use.
 * @returns null when nothing had to be done
 * @throws LzeroError of the catalog, the store and the decoders; doing it again is harmless
 */
export async function refreshIdf(
  target: IndexTarget,
  model: BoundModel,
  { always = false, onStep = () => undefined }: RefreshOptions = {},
): Promise<IdfRefresh | null> {
  const status = await target.catalog.status();
  if (!needsRefresh(status) && !(always && status.model !== null && status.settings.idf !== "model"))
    return null;
  const { idf } = status.settings;
  let tables = model.tables;
  let documents = 0;
  if (idf !== "model") {
    const { vocabulary, idf: modelIdf, optionalTokens } = model.query;
    const segmentIds = status.segments.map(({ segmentId }) => segmentId);
    const corpus = await readCorpusFrequencies(target.store, target.index, segmentIds, modelIdf.length);
    tables = encodeQueryTables({ vocabulary, optionalTokens, idf: idfTable(idf, modelIdf, corpus) });
    documents = corpus.documents;
  }
  await target.store.write([{ key: tablesKey(tables.fingerprint), value: tables.value }]);
  await onStep("tables");
  const { generation } = await target.catalog.weigh({
    model: model.binding.fingerprint,
    tables: tables.fingerprint,
    idf,
    documents,
  });
  await onStep("weighed");
  return { generation, tables: tables.fingerprint, documents };
}

/** Documents as the directories count them: tombstoned ones included. */
function countDocuments(segments: CatalogStatus["segments"]): number {
  return segments.reduce((sum, { documents }) => sum + documents, 0);
}
