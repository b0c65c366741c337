/**
 * The clustered order of a merge, in the memory that there is: the sources' documents get new ordinals under which those
 * with the same terms lie together, over all of them or, where that is too much, block by block.
 */
import { MergedPostings, walkTerms } from "./merge-postings.ts";
import { countSurvivors, type MergeSource, reorderSources } from "./merge-sources.ts";
import { orderDocuments } from "./order-documents.ts";
import { STRONG_TERMS, StrongTerms } from "./strong-terms.ts";

/**
 * Bytes that a document of a block takes while the block is ordered: strong terms and their impacts once as they are
 * collected and once as rows, their counts, the merged list of a term, and the order itself.
 */
export const BLOCK_DOCUMENT_BYTES = 2 * 5 * STRONG_TERMS + 40;

/**
 * Orders the documents of sources anew, in place.
 * @param sources with the new ordinals of the given order
 * @param blockDocuments at most so many documents are ordered at once; blocks follow one another in the given order
 * @throws LzeroError `page_corrupt`
 */
export function clusterSources(sources: readonly MergeSource[], blockDocuments: number): void {
  const documents = countSurvivors(sources);
  const blocks = Math.ceil(documents / Math.max(1, blockDocuments));
  const size = Math.ceil(documents / blocks);
  const order = new Uint32Array(documents);
  for (let first = 0; first < documents; first += size) {
    const count = Math.min(size, documents - first);
    const places = orderBlock(sourcesWithin(sources, first, first + count), first, count);
    for (let place = 0; place < count; place++) order[first + place] = first + places[place]!;
  }
  reorderSources(sources, order);
}

function orderBlock(sources: readonly MergeSource[], first: number, count: number): Uint32Array {
  return orderDocuments(strongTermsOf(sources, first, count).rows());
}

function strongTermsOf(sources: readonly MergeSource[], first: number, count: number): StrongTerms {
  const strong = new StrongTerms(count);
  const merged = new MergedPostings(first, count);
  for (const { found } of walkTerms(sources)) {
    merged.take(found);
    strong.add(merged.ordinals, merged.impacts, 0, merged.count);
  }
  return strong;
}

/** Those with a document in the range of new ordinals; the others need not be read. */
function sourcesWithin(sources: readonly MergeSource[], first: number, end: number): MergeSource[] {
  let next = 0;
  return sources.filter(({ survivors }) => {
    const sourceFirst = next;
    next += survivors;
    return survivors > 0 && sourceFirst < end && next > first;
  });
}
