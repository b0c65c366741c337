/**
 * Documents of a soak: each has three words that no other document has together, so that a search for them has that
 * document first, whatever else is in the index. All texts have equally many tokens, so that equal words weigh the same.
 */
import { loadModelFiles, type ModelFiles } from "../../batch/encoders/model-files.ts";
import { DEFAULT_MODEL, resolveModelFolder } from "../../batch/encoders/open-encoder.ts";
import type { Random } from "../simulation/random.ts";

/** Rare enough to decide a ranking, not so rare that they are names. */
const KEY_IDF = [7, 11] as const;
const FILLER_IDF = [3, 5] as const;
const FILLERS = 9;

export class SoakCorpus {
  readonly #keys: readonly string[];
  readonly #fillers: readonly string[];
  readonly #used = new Set<string>();

  private constructor(keys: readonly string[], fillers: readonly string[]) {
    this.#keys = keys;
    this.#fillers = fillers;
  }

  static async load(): Promise<SoakCorpus> {
    const files: ModelFiles = await loadModelFiles(resolveModelFolder(DEFAULT_MODEL));
    const pieces = new TextDecoder().decode(files.vocabulary).split("\n");
    const within = ([low, high]: readonly [number, number]) =>
      pieces.filter(
        (piece, id) => /^[a-z]{4,9}$/.test(piece) && files.idf[id]! >= low && files.idf[id]! <= high,
      );
    return new SoakCorpus(within(KEY_IDF), within(FILLER_IDF));
  }

  /** Three words of its own for a new document. */
  newKey(random: Random): string {
    for (;;) {
      const words = [random.pick(this.#keys), random.pick(this.#keys), random.pick(this.#keys)].sort();
      const key = words.join(" ");
      if (new Set(words).size < 3 || this.#used.has(key)) continue;
      this.#used.add(key);
      return key;
    }
  }

  /** @param revision from 1 on; each one's text differs */
  textOf(key: string, revision: number, random: Random): string {
    const fillers = Array.from({ length: FILLERS }, () => random.pick(this.#fillers));
    return `${key} revision ${revision} ${fillers.join(" ")}`;
  }

  filler(random: Random): string {
    return random.pick(this.#fillers);
  }
}
