/**
 * The best candidates seen so far: a bounded heap with the worst on top. Candidates come in any order; the result
 * does not depend on it, because ties are broken by place, then by ordinal.
 */

/** A scored ordinal of a segment. */
export interface Candidate {
  /** Integer score, above 0. */
  readonly score: number;
  /** The segment's place in the manifest. */
  readonly place: number;
  readonly ordinal: number;
}

export class TopK {
  readonly #capacity: number;
  readonly #floor: number;
  #size = 0;
  #scores: Int32Array;
  #places: Uint32Array;
  #ordinals: Uint32Array;

  /**
   * @param capacity how many to keep, at least 1
   * @param floor lower scores have no chance, at least 1: what is known of other shards' candidates
   */
  constructor(capacity: number, floor = 1) {
    this.#capacity = capacity;
    this.#floor = floor;
    const room = Math.min(capacity, 1024);
    this.#scores = new Int32Array(room);
    this.#places = new Uint32Array(room);
    this.#ordinals = new Uint32Array(room);
  }

  get capacity(): number {
    return this.#capacity;
  }

  get isFull(): boolean {
    return this.#size === this.#capacity;
  }

  /** The score that a candidate must reach to have a chance: the worst kept one once full, else the floor. */
  get threshold(): number {
    return this.#size < this.#capacity ? this.#floor : this.#scores[0]!;
  }

  /** Keeps a candidate if it is among the best. */
  offer(score: number, place: number, ordinal: number): void {
    if (score < this.#floor) return;
    if (this.#size < this.#capacity) {
      if (this.#size === this.#scores.length) this.#grow();
      this.#siftUp(this.#size++, score, place, ordinal);
    } else if (this.#isWorse(0, score, place, ordinal)) {
      this.#siftDown(score, place, ordinal);
    }
  }

  /** The kept candidates, best first. */
  sorted(): Candidate[] {
    const candidates = Array.from({ length: this.#size }, (_, at) => ({
      score: this.#scores[at]!,
      place: this.#places[at]!,
      ordinal: this.#ordinals[at]!,
    }));
    return candidates.sort(compareCandidates);
  }

  /** Whether the entry at `at` ranks after the given candidate. */
  #isWorse(at: number, score: number, place: number, ordinal: number): boolean {
    if (this.#scores[at] !== score) return this.#scores[at]! < score;
    if (this.#places[at] !== place) return this.#places[at]! > place;
    return this.#ordinals[at]! > ordinal;
  }

  #siftUp(from: number, score: number, place: number, ordinal: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#isWorse(parent, score, place, ordinal)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, score, place, ordinal);
  }

  /** Puts a candidate in the place of the worst and restores the heap. */
  #siftDown(score: number, place: number, ordinal: number): void {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (
        right < this.#size &&
        this.#isWorse(right, this.#scores[child]!, this.#places[child]!, this.#ordinals[child]!)
      ) {
        child = right;
      }
      if (!this.#isWorse(child, score, place, ordinal)) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, score, place, ordinal);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#scores[from]!, this.#places[from]!, this.#ordinals[from]!);
  }

  #set(at: number, score: number, place: number, ordinal: number): void {
    this.#scores[at] = score;
    this.#places[at] = place;
    this.#ordinals[at] = ordinal;
  }

  #grow(): void {
    const room = Math.min(this.#capacity, this.#scores.length * 2);
    const scores = new Int32Array(room);
    const places = new Uint32Array(room);
    const ordinals = new Uint32Array(room);
    scores.set(this.#scores);
    places.set(this.#places);
    ordinals.set(this.#ordinals);
    this.#scores = scores;
    this.#places = places;
    this.#ordinals = ordinals;
  }
}

/** Best first: higher score, then earlier segment, then lower ordinal. */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return b.score - a.score || a.place - b.place || a.ordinal - b.ordinal;
}
