/**
 * One batch of documents of one index through its stages: encode, publish, bury what cannot be encoded. When it
 * resolves, every document of the batch is committed or in the dead-letter queue, and its messages may be deleted.
 * Encoding goes one batch at a time, publishing one at a time per index, so that the next batch encodes meanwhile.
 */
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { encodedText, type StoredFields } from "../../shared/messages/document.ts";
import type { QueuedDocument, QueueMessage } from "../../shared/messages/queue-message.ts";
import { traceIdOf } from "../../shared/messages/trace-context.ts";
import type { PageStore } from "../../shared/storage/page-store.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import type { EncodedDocument } from "../encoders/encoder.ts";
import type { Logger } from "../logging.ts";
import type { IndexTarget } from "../publish/publish-target.ts";
import type { PublishDocument, Publisher } from "../publish/publisher.ts";
import type { BatchItem } from "./batcher.ts";
import type { DeadDocument, DeadLetters } from "./dead-letters.ts";
import { checkBinding, type IndexDirectory, type ModelOf, type ServedModel } from "./model-source.ts";
import { Mutex } from "./mutex.ts";
import type { Progress } from "./progress.ts";
import type { Upkeep } from "./upkeep.ts";

/** A message on its way to a commit. */
export interface MessageItem extends BatchItem {
  readonly message: QueueMessage;
  readonly messageId: string;
  /** Results for its documents and the fingerprint of their model, when they were encoded on the way here. */
  readonly results: {
    readonly model: string;
    readonly documents: readonly (EncodedDocument | Error)[];
  } | null;
}

export interface BatchProcessorOptions {
  readonly store: PageStore;
  readonly openCatalog: OpenCatalog;
  readonly directory: IndexDirectory;
  readonly modelOf: ModelOf;
  readonly publisher: Publisher;
  readonly deadLetters: DeadLetters;
  readonly logger: Logger;
  readonly progress: Progress;
  /** A batch that encodes for longer is stuck. */
  readonly encodeTimeoutMs: number;
  /** Told of each commit. */
  readonly upkeep: Upkeep;
  /** Told when this process can no longer encode: it should end and be started again. */
  readonly onFatal: (error: LzeroError) => void;
  /** Told how long the stages of a batch took; those that failed as a whole are not among them. */
  readonly onTimed?: (stage: "encode" | "publish", seconds: number) => void;
}

interface Encoded {
  readonly item: MessageItem;
  readonly document: QueuedDocument;
  readonly result: EncodedDocument | Error;
}

export class BatchProcessor {
  readonly #options: BatchProcessorOptions;
  readonly #encoding = new Mutex();
  readonly #publishing = new Map<string, Mutex>();

  constructor(options: BatchProcessorOptions) {
    this.#options = options;
  }

  /** @throws LzeroError when nothing of the batch may be acknowledged; doing it again is harmless */
  async process(index: string, items: readonly MessageItem[]): Promise<void> {
    const { openCatalog, store, publisher, deadLetters, progress, logger, onTimed } = this.#options;
    const target: IndexTarget = { index, catalog: openCatalog(index), store };
    const status = await this.#options.directory.find(index);
    if (status === null) throw new LzeroError("index_not_found", `there is no index ${index}`, { index });
    const { encodedFields } = status.settings;
    const model = this.#options.modelOf(status, () =>
      items.flatMap(({ message }) =>
        message.documents.map((document) => encodedText(document, encodedFields)),
      ),
    );
    checkBinding(status, model.bound);

    const [encoded, encodeSeconds] = await this.#encoding.run(() =>
      timed(() => this.#encode(model, encodedFields, items)),
    );
    onTimed?.("encode", encodeSeconds);
    const documents = encoded.flatMap(toPublish);
    const dead = encoded.flatMap(toBury);
    const lane = this.#publishingOf(index);
    await lane.run(async () => {
      if (documents.length > 0) {
        const [result, publishSeconds] = await timed(() => publisher.publish(target, model.bound, documents));
        onTimed?.("publish", publishSeconds);
        progress.published += documents.length;
        logger.info(
          { index, ...result, encodeSeconds, publishSeconds, ...describeItems(items) },
          "segment committed",
        );
      }
      await deadLetters.buryDocuments(target.catalog, dead);
      progress.dead += dead.length;
    });
    if (documents.length > 0) this.#options.upkeep.committed(target, model.bound);
  }

  /** Resolves when no publishing is under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#publishing.values()].map((mutex) => mutex.run(async () => undefined)));
  }

  async #encode(
    model: ServedModel,
    fields: Parameters<typeof encodedText>[1],
    items: readonly MessageItem[],
  ): Promise<Encoded[]> {
    const { progress } = this.#options;
    // What was made with another model (the index was bound meanwhile) does not count.
    const { fingerprint } = model.bound.binding;
    const resultsOf = ({ results }: MessageItem) =>
      results?.model === fingerprint ? results.documents : null;
    const todo = items.filter((item) => resultsOf(item) === null);
    const texts = todo.flatMap(({ message }) =>
      message.documents.map((document) => encodedText(document, fields)),
    );
    let counted = 0;
    const count = (done: number) => {
      progress.encoded += done - counted;
      counted = done;
    };
    const results = texts.length === 0 ? [] : await this.#encodeTexts(model, texts, count);
    count(texts.length);
    let next = 0;
    return items.flatMap((item) => {
      const known = resultsOf(item);
      return item.message.documents.map((document, at): Encoded => {
        const result = known === null ? results[next++] : known[at];
        return {
          item,
          document,
          result: result ?? new Error("the encoder gave no result for this document"),
        };
      });
    });
  }

  async #encodeTexts(
    { encoder, isolated }: ServedModel,
    texts: readonly string[],
    onProgress: (done: number) => void,
  ): Promise<(EncodedDocument | Error)[]> {
    const { encodeTimeoutMs, onFatal } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const stuck = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(new LzeroError("encoder_stuck", `a batch encoded for ${encodeTimeoutMs} ms without an end`)),
        encodeTimeoutMs,
      );
    });
    try {
      return await Promise.race([encoder.encode(texts, onProgress), stuck]);
    } catch (cause) {
      if (isLzeroError(cause, "encoder_crashed")) {
        this.#options.logger.error({ err: cause }, "the encoder crashed, the batch is encoded apart");
        return await isolated.encode(texts, onProgress);
      }
      // Documents fail one by one; when all of it fails the encoder itself is gone.
      const error = isLzeroError(cause)
        ? cause
        : new LzeroError("encoder_lost", "the encoder failed as a whole", {}, cause);
      onFatal(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #publishingOf(index: string): Mutex {
    let mutex = this.#publishing.get(index);
    if (mutex === undefined) {
      mutex = new Mutex();
      this.#publishing.set(index, mutex);
    }
    return mutex;
  }
}

/** What a log line says of where its documents came from. */
function describeItems(items: readonly MessageItem[]): Record<string, readonly string[]> {
  const distinct = (values: readonly (string | null)[]): string[] => [
    ...new Set(values.filter((value) => value !== null)),
  ];
  const traceIds = distinct(items.map(({ message }) => traceIdOf(message.traceparent)));
  return {
    ingestIds: distinct(items.map(({ message }) => message.ingestId)),
    messageIds: items.map(({ messageId }) => messageId),
    ...(traceIds.length === 0 ? {} : { traceIds }),
  };
}

/** @returns what the work gives, and how many seconds it took */
async function timed<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
  const startedAtMs = performance.now();
  const result = await work();
  return [result, Math.round(performance.now() - startedAtMs) / 1000];
}

function toPublish({ item, document, result }: Encoded): PublishDocument[] {
  if (result instanceof Error) return [];
  const { ingestId } = item.message;
  const { position, version, id, ifVersion } = document;
  const write = { ingestId, position, version, id, fields: storedFields(document), vector: result };
  return [ifVersion === undefined ? write : { ...write, ifVersion }];
}

function toBury({ item, document, result }: Encoded): DeadDocument[] {
  if (!(result instanceof Error)) return [];
  return [{ message: item.message, sourceMessageId: item.messageId, document, error: result }];
}

function storedFields(document: QueuedDocument): StoredFields {
  return {
    title: document.title ?? null,
    text: document.text,
    url: document.url ?? null,
    metadata: document.metadata ?? null,
  };
}
