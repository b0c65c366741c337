/** The one source of chance in a simulation: a small seeded generator, so that a seed names a run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
    for (let i = 0; i < 8; i++) this.next(); // neighbouring seeds part ways
  }

  /** 0 ≤ x < 1 (mulberry32: a Weyl sequence through a mixer of 32 bits). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length - 1)]!;
  }

  /** Lower-case hex digits. */
  hex(length: number): string {
    let digits = "";
    while (digits.length < length)
      digits += Math.floor(this.next() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    return digits.slice(0, length);
  }
}
