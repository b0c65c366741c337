/**
 * What a document is mostly about, for the order of documents: its terms with the largest impacts. Posting lists go in,
 * one after another; rows of terms by document, weighed by impact, come out. Terms that tell nothing about which documents belong together
 * are left out: those of one document, and those of very many.
 */
import type { DocumentTerms } from "./order-documents.ts";

/** Terms kept of a document: with fewer or more, hits lie farther apart (npm run bench -- layouts, "order"). */
export const STRONG_TERMS = 24;
/** A term of more than this share of the documents is left out: half the work, and hits lie no farther apart. */
const MAX_DOCUMENT_SHARE = 0.1;

export class StrongTerms {
  readonly #documents: number;
  readonly #perDocument: number;
  /** [documents · perDocument]: rows, of which the first `#counts[document]` entries are there. */
  readonly #terms: Uint32Array;
  readonly #impacts: Uint8Array;
  readonly #counts: Uint8Array;
  /** Of full rows: the smallest impact and where it is. */
  readonly #least: Uint8Array;
  readonly #leastAt: Uint8Array;
  #lists = 0;

  /** @param perDocument 1 to 255 */
  constructor(documents: number, perDocument: number = STRONG_TERMS) {
    this.#documents = documents;
    this.#perDocument = perDocument;
    this.#terms = new Uint32Array(documents * perDocument);
    this.#impacts = new Uint8Array(documents * perDocument);
    this.#counts = new Uint8Array(documents);
    this.#least = new Uint8Array(documents);
    this.#leastAt = new Uint8Array(documents);
  }

  /**
   * Takes the list of one term, `[start, end)` of the arrays. The result depends on the order of the terms where impacts
   * are equal: give them ascending.
   */
  add(ordinals: Uint32Array, impacts: Uint8Array, start: number, end: number): void {
    const frequency = end - start;
    if (frequency < 2 || frequency > Math.max(2, this.#documents * MAX_DOCUMENT_SHARE)) return;
    const term = this.#lists++;
    for (let at = start; at < end; at++) this.#offer(ordinals[at]!, term, impacts[at]!);
  }

  /** The rows of all documents, in the order of their ordinals. */
  rows(): DocumentTerms {
    const starts = new Uint32Array(this.#documents + 1);
    for (let document = 0; document < this.#documents; document++) {
      starts[document + 1] = starts[document]! + this.#counts[document]!;
    }
    const terms = new Uint32Array(starts[this.#documents]!);
    const weights = new Uint8Array(terms.length);
    for (let document = 0; document < this.#documents; document++) {
      const row = document * this.#perDocument;
      const rowEnd = row + this.#counts[document]!;
      terms.set(this.#terms.subarray(row, rowEnd), starts[document]!);
      weights.set(this.#impacts.subarray(row, rowEnd), starts[document]!);
    }
    return { starts, terms, weights, termLimit: this.#lists };
  }

  #offer(document: number, term: number, impact: number): void {
    const row = document * this.#perDocument;
    const count = this.#counts[document]!;
    let place = row + count;
    if (count === this.#perDocument) {
      if (impact <= this.#least[document]!) return;
      place = row + this.#leastAt[document]!;
    } else this.#counts[document] = count + 1;
    this.#terms[place] = term;
    this.#impacts[place] = impact;
    if (this.#counts[document] === this.#perDocument) this.#findLeast(document, row);
  }

  #findLeast(document: number, row: number): void {
    let least = 256;
    let leastAt = 0;
    for (let at = 0; at < this.#perDocument; at++) {
      const impact = this.#impacts[row + at]!;
      if (impact > least) continue;
      least = impact;
      leastAt = at;
    }
    this.#least[document] = least;
    this.#leastAt[document] = leastAt;
  }
}
