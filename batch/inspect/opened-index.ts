/**
 * An index opened to be looked at: its manifest, checked pages, and the names of its terms. A reader and a name go in;
 * pages are read when something asks for them.
 */
import { LzeroError } from "../../shared/errors.ts";
import type { Manifest, ManifestSegment } from "../../shared/format/manifest.ts";
import { decodeQueryTables } from "../../shared/format/query-tables.ts";
import { maxImpactOf } from "../../shared/model/quantize.ts";
import { ReaderSegmentSource, type SegmentSource } from "../../shared/query/segment-source.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { Vocabulary } from "../../shared/text/vocabulary.ts";
import { readManifest } from "../../shared/verify/verify-index.ts";

/** A term by its id, and what a query weighs it. */
export interface TermName {
  readonly termId: number;
  /** Null for an id beyond the vocabulary. */
  readonly piece: string | null;
  readonly idf: number | null;
}

export class OpenedIndex {
  readonly manifest: Manifest;
  readonly source: SegmentSource;
  readonly #vocabulary: Vocabulary | null;
  readonly #idf: Float32Array;

  private constructor(
    reader: PageReader,
    manifest: Manifest,
    vocabulary: Vocabulary | null,
    idf: Float32Array,
  ) {
    this.manifest = manifest;
    this.source = new ReaderSegmentSource(reader, manifest.index);
    this.#vocabulary = vocabulary;
    this.#idf = idf;
  }

  /** @throws LzeroError `index_not_found`, `page_missing`, or a decoder's for the manifest or the query tables */
  static async open(reader: PageReader, index: string): Promise<OpenedIndex> {
    const manifest = await readManifest(reader, index);
    if (manifest.model === null) return new OpenedIndex(reader, manifest, null, new Float32Array(0));
    const { tables: fingerprint } = manifest.model;
    const key = tablesKey(fingerprint);
    const value = await reader.read(key);
    if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
    const tables = decodeQueryTables(value, fingerprint, key);
    return new OpenedIndex(reader, manifest, Vocabulary.parse(tables.vocabulary), tables.idf);
  }

  /** Model units of one step of impact. */
  get impactUnit(): number {
    const { model } = this.manifest;
    return model === null ? 0 : model.maxWeight / maxImpactOf(model.impactBits);
  }

  nameOf(termId: number): TermName {
    const isKnown = this.#vocabulary !== null && termId < this.#vocabulary.size;
    return {
      termId,
      piece: isKnown ? this.#vocabulary.pieceOf(termId) : null,
      idf: isKnown ? this.#idf[termId]! : null,
    };
  }

  /**
   * Finds a term by its piece, or by its number where no piece is written so; `id:7` is always the number.
   * @throws LzeroError `term_not_found`
   */
  findTerm(text: string): TermName {
    const named = this.#vocabulary?.idOf(text) ?? -1;
    if (named >= 0) return this.nameOf(named);
    const digits = /^(?:id:)?(\d{1,7})$/.exec(text)?.[1];
    if (digits !== undefined) return this.nameOf(Number(digits));
    throw new LzeroError(
      "term_not_found",
      `"${text}" is no wordpiece of this index's model. Pieces are lower case, and those that continue a word begin with ## (e.g. ##ing); a number is a token id`,
      { term: text },
    );
  }

  /**
   * Finds a segment by its id or by the beginning of it.
   * @throws LzeroError `segment_not_found`
   */
  findSegment(prefix: string): ManifestSegment {
    const found = this.manifest.segments.filter(({ segmentId }) => segmentId.startsWith(prefix));
    if (found.length === 1) return found[0]!;
    const { index, generation } = this.manifest;
    throw new LzeroError(
      "segment_not_found",
      `generation ${generation} of ${index} has ${found.length === 0 ? "no segment" : `${found.length} segments`} that begin with "${prefix}": \`lzero inspect --index ${index}\` lists them`,
      { index, generation, segment: prefix },
    );
  }
}
