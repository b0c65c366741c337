/**
 * An order of documents in which those with the same terms lie together: recursive graph bisection (Dhulipala et al.,
 * "Compressing graphs and indexes with recursive graph bisection", KDD 2016). A document's terms and their weights go in,
 * a permutation comes out; which terms those are is for `strong-terms.ts`, and what the order is for is the layout's.
 *
 * A range of documents is cut in halves, documents move to the half in which their terms are more frequent, and each
 * half is ordered in the same way. Unlike there, a term counts by its weight in the document, which puts a twentieth fewer
 * pages under a query's hits (test/bench/layouts/README.md). Of Mackenzie et al. ("Faster index reordering with bipartite
 * graph partitioning", SIGIR 2021) it has: no sorting, but a selection of the lower half by a bound on the gain; and an
 * end to the rounds of a range in which next to nothing moves any more. The same input gives the same order every time:
 * there is no chance and no clock in it.
 */

/** Terms of each document, e.g. the strongest ones, in rows. */
export interface DocumentTerms {
  /** Uint32Array [documents + 1]: the terms of document i are `terms[starts[i], starts[i + 1])`. */
  readonly starts: Uint32Array;
  /** Ids below `termLimit`, no id twice in a row. */
  readonly terms: Uint32Array;
  /** As long: 1 … 255. */
  readonly weights: Uint8Array;
  readonly termLimit: number;
}

export interface OrderOptions {
  /** A range of at most so many documents is not cut. */
  readonly leafDocuments?: number;
  /** Rounds of moves for each range at most. */
  readonly rounds?: number;
}

/** Documents of a leaf: a document page holds more. */
const LEAF_DOCUMENTS = 32;
/** As in both papers; most ranges need fewer. */
const ROUNDS = 20;
/** A range is done when fewer than this share of its documents moved in a round. */
const LEAST_MOVED_SHARE = 0.001;
/** Classes of gains among which the middle is looked for. */
const MAX_GAIN_CLASSES = 4096;
const MIN_GAIN_CLASSES = 64;
/**
 * Added to the weight of a term in a half: a term that draws fewer documents than about three of the largest weight draws
 * weakly. With a third or ten times of it hits lie farther apart.
 */
const SMOOTHING_WEIGHT = 850;

/**
 * Orders documents.
 * @returns Uint32Array [documents], a permutation: the document at each place
 */
export function orderDocuments(documents: DocumentTerms, options: OrderOptions = {}): Uint32Array {
  return new Bisection(documents, options).order();
}

class Bisection {
  readonly #starts: Uint32Array;
  readonly #terms: Uint32Array;
  readonly #weights: Uint8Array;
  readonly #leafDocuments: number;
  readonly #rounds: number;
  readonly #order: Uint32Array;
  /** Beside `#order`: what the document at each place would gain by being in the right half. */
  readonly #gains: Float32Array;
  readonly #moved: Uint32Array;
  /** By term: its weight in the documents of the range's halves. */
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  /** By term: what weight in the right half instead of the left gains. */
  readonly #termGains: Float32Array;
  /** Terms of the range: the first `#touchedCount`. */
  readonly #touched: Uint32Array;
  #touchedCount = 0;
  readonly #classSizes = new Uint32Array(MAX_GAIN_CLASSES);

  constructor({ starts, terms, weights, termLimit }: DocumentTerms, options: OrderOptions) {
    const documents = starts.length - 1;
    this.#starts = starts;
    this.#terms = terms;
    this.#weights = weights;
    this.#leafDocuments = Math.max(2, options.leafDocuments ?? LEAF_DOCUMENTS);
    this.#rounds = options.rounds ?? ROUNDS;
    this.#order = Uint32Array.from({ length: documents }, (_, document) => document);
    this.#gains = new Float32Array(documents);
    this.#moved = new Uint32Array(documents);
    this.#left = new Float64Array(termLimit);
    this.#right = new Float64Array(termLimit);
    this.#termGains = new Float32Array(termLimit);
    this.#touched = new Uint32Array(Math.min(termLimit, terms.length));
  }

  order(): Uint32Array {
    const ranges: [start: number, end: number][] = [[0, this.#order.length]];
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
      const [start, end] = range;
      if (end - start <= this.#leafDocuments) continue;
      const middle = start + ((end - start) >>> 1);
      this.#bisect(start, middle, end);
      ranges.push([middle, end], [start, middle]);
    }
    return this.#order;
  }

  #bisect(start: number, middle: number, end: number): void {
    this.#touchedCount = 0;
    this.#count(start, middle, this.#left);
    this.#count(middle, end, this.#right);
    const least = (end - start) * LEAST_MOVED_SHARE;
    for (let round = 0; round < this.#rounds; round++) {
      this.#weighTerms();
      this.#weighDocuments(start, end);
      if (this.#selectLeft(start, middle, end) <= least) break;
    }
    for (let at = 0; at < this.#touchedCount; at++) {
      const term = this.#touched[at]!;
      this.#left[term] = 0;
      this.#right[term] = 0;
    }
  }

  #count(start: number, end: number, weightOf: Float64Array): void {
    const left = this.#left;
    const right = this.#right;
    for (let place = start; place < end; place++) {
      const document = this.#order[place]!;
      const rowEnd = this.#starts[document + 1]!;
      for (let at = this.#starts[document]!; at < rowEnd; at++) {
        const term = this.#terms[at]!;
        if (left[term] === 0 && right[term] === 0) this.#touched[this.#touchedCount++] = term;
        weightOf[term]! += this.#weights[at]!;
      }
    }
  }

  /**
   * The cost of a term of weights l and r in halves of equal size is, but for what does not change, −l log2(l) − r log2(r)
   * bits; of its derivative the logarithms are what matters.
   */
  #weighTerms(): void {
    for (let at = 0; at < this.#touchedCount; at++) {
      const term = this.#touched[at]!;
      const left = this.#left[term]! + SMOOTHING_WEIGHT;
      const right = this.#right[term]! + SMOOTHING_WEIGHT;
      this.#termGains[term] = Math.log2(right / left);
    }
  }

  #weighDocuments(start: number, end: number): void {
    const termGains = this.#termGains;
    const terms = this.#terms;
    const weights = this.#weights;
    for (let place = start; place < end; place++) {
      const document = this.#order[place]!;
      const rowEnd = this.#starts[document + 1]!;
      let gain = 0;
      for (let at = this.#starts[document]!; at < rowEnd; at++) gain += weights[at]! * termGains[terms[at]!]!;
      this.#gains[place] = gain;
    }
  }

  /**
   * Puts the half with the lower gains left. Documents whose gains are of the class in the middle stay where they are
   * as far as there is room; none overtakes another of its half.
   * @returns documents that changed sides, left to right and back
   */
  #selectLeft(start: number, middle: number, end: number): number {
    const gains = this.#gains;
    const order = this.#order;
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    for (let place = start; place < end; place++) {
      const gain = gains[place]!;
      if (gain < lowest) lowest = gain;
      if (gain > highest) highest = gain;
    }
    if (!(highest > lowest)) return 0;
    const classes = Math.max(MIN_GAIN_CLASSES, Math.min(MAX_GAIN_CLASSES, end - start));
    const scale = (classes - 1) / (highest - lowest);
    const sizes = this.#classSizes.fill(0, 0, classes);
    for (let place = start; place < end; place++) sizes[((gains[place]! - lowest) * scale) | 0]!++;
    let room = middle - start;
    let middleClass = 0;
    while (sizes[middleClass]! <= room) room -= sizes[middleClass++]!;

    // How many of the middle class go left: first those that are there.
    let stay = 0;
    for (let place = start; place < middle; place++) {
      if ((((gains[place]! - lowest) * scale) | 0) === middleClass) stay++;
    }
    let roomForStayers = Math.min(stay, room);
    let roomForMovers = room - roomForStayers;
    let nextLeft = start;
    let nextRight = 0;
    let movedCount = 0;
    const moved = this.#moved;
    for (let place = start; place < end; place++) {
      const gainClass = ((gains[place]! - lowest) * scale) | 0;
      const isLeft = place < middle;
      let goesLeft = gainClass < middleClass;
      if (gainClass === middleClass) goesLeft = isLeft ? roomForStayers-- > 0 : roomForMovers-- > 0;
      const document = order[place]!;
      if (goesLeft !== isLeft) {
        movedCount++;
        this.#move(document, isLeft);
      }
      if (goesLeft) order[nextLeft++] = document;
      else moved[nextRight++] = document;
    }
    order.set(moved.subarray(0, nextRight), middle);
    return movedCount;
  }

  #move(document: number, fromLeft: boolean): void {
    const from = fromLeft ? this.#left : this.#right;
    const to = fromLeft ? this.#right : this.#left;
    const rowEnd = this.#starts[document + 1]!;
    for (let at = this.#starts[document]!; at < rowEnd; at++) {
      const term = this.#terms[at]!;
      from[term]! -= this.#weights[at]!;
      to[term]! += this.#weights[at]!;
    }
  }
}
