/**
 * How often each token occurs in the documents of an index, from the directories of its live segments: one read a
 * segment. Tombstoned documents are counted until a merge drops them.
 */
import { LzeroError } from "../../shared/errors.ts";
import { decodeSegmentRoot } from "../../shared/format/segment-reader.ts";
import type { CorpusFrequencies } from "../../shared/model/idf.ts";
import { pageKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";

/**
 * Sums the text frequencies of segments.
 * @throws LzeroError `page_missing`, those of the decoder, `token_id_out_of_range` for a term beyond the vocabulary
 */
export async function readCorpusFrequencies(
  reader: PageReader,
  index: string,
  segmentIds: readonly string[],
  vocabularySize: number,
): Promise<CorpusFrequencies> {
  const textFrequencies = new Uint32Array(vocabularySize);
  let documents = 0;
  for (const segmentId of segmentIds) {
    const key = pageKey(index, segmentId, 0);
    const value = await reader.read(key);
    if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
    const root = decodeSegmentRoot(value, segmentId, key);
    documents += root.documents;
    for (const { termId, textFrequency } of root.entries()) {
      if (termId >= vocabularySize) {
        throw new LzeroError("token_id_out_of_range", `${key} has term ${termId}`, {
          key,
          expected: `less than ${vocabularySize}`,
          actual: termId,
        });
      }
      textFrequencies[termId]! += textFrequency;
    }
  }
  return { documents, textFrequencies };
}
