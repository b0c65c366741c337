/** The models that a consumer can serve, and the indexes that ask for them. */
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import type { DocumentEncoder } from "../encoders/encoder.ts";
import type { BoundModel } from "../publish/publish-target.ts";

/** What is asked of an encoder here; the isolated one is another implementation. */
export type TextEncoderPort = Pick<DocumentEncoder, "encode" | "close">;

export interface ServedModel {
  readonly bound: BoundModel;
  /** In this process: fast, but a text that kills it takes everything along. */
  readonly encoder: TextEncoderPort;
  /** In a process of its own: survives such a text and says which one it was. */
  readonly isolated: TextEncoderPort;
}

/**
 * The model of an index.
 * @param texts of the documents at hand: what an index that is not bound yet measures its average length on
 * @throws LzeroError `encoder_unavailable` when this consumer does not serve the encoder of an index
 */
export type ModelOf = (status: CatalogStatus, texts: () => readonly string[]) => ServedModel;

/** Settings that matter here do not change while an index lives; the binding is pinned by the first commit. */
const KEEP_MS = 10_000;

interface Known {
  readonly untilMs: number;
  readonly answer: Promise<CatalogStatus | null>;
}

/** Knows indexes by name; asks the catalog once for many messages. */
export class IndexDirectory {
  readonly #openCatalog: OpenCatalog;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();

  constructor(openCatalog: OpenCatalog, now: () => number = Date.now) {
    this.#openCatalog = openCatalog;
    this.#now = now;
  }

  /**
   * @returns null for an index that does not exist
   * @throws LzeroError `catalog_unavailable`
   */
  find(index: string): Promise<CatalogStatus | null> {
    const known = this.#known.get(index);
    if (known !== undefined && known.untilMs > this.#now()) return known.answer;
    const answer = this.#ask(index);
    this.#known.set(index, { untilMs: this.#now() + KEEP_MS, answer });
    // A failure is not an answer: the next message asks again.
    answer.catch(() => this.#known.delete(index));
    return answer;
  }

  async #ask(index: string): Promise<CatalogStatus | null> {
    try {
      return await this.#openCatalog(index).status();
    } catch (error) {
      if (isLzeroError(error, "index_not_found")) return null;
      throw error;
    }
  }
}

/** @throws LzeroError `model_mismatch` when an index is bound to another model than the one that is served */
export function checkBinding(status: CatalogStatus, model: BoundModel): void {
  if (status.model === null || status.model.fingerprint === model.binding.fingerprint) return;
  throw new LzeroError(
    "model_mismatch",
    `index ${status.index} is bound to model ${status.model.fingerprint}, this consumer serves ${model.binding.fingerprint}: start it with the model of the index, or write into a new index`,
    { index: status.index, expected: status.model.fingerprint, actual: model.binding.fingerprint },
  );
}
