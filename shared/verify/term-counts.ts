/** Counts by term id, in an array that is as long as the largest id needs. */
export class TermCounts {
  #counts = new Uint32Array(1024);

  raise(termId: number): void {
    if (termId >= this.#counts.length) {
      const longer = new Uint32Array(Math.max(termId + 1, 2 * this.#counts.length));
      longer.set(this.#counts);
      this.#counts = longer;
    }
    this.#counts[termId]!++;
  }

  /** Returns a term's count and sets it to 0. */
  take(termId: number): number {
    const count = this.#counts[termId] ?? 0;
    if (count > 0) this.#counts[termId] = 0;
    return count;
  }

  /** Ids of the terms whose count is not 0, ascending. */
  *remaining(): IterableIterator<number> {
    for (let termId = 0; termId < this.#counts.length; termId++) if (this.#counts[termId]! > 0) yield termId;
  }
}
