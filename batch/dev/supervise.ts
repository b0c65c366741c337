/**
 * `npm start`: takes the lock, starts the stack, brings the corpus in, says what happens, and ends everything when it
 * is told to. In: options of the command line. Out: the process's exit code.
 */
import { appendFileSync } from "node:fs";
import { relative } from "node:path";
import type { LzeroError } from "../../shared/errors.ts";
import { describeError } from "../command-error.ts";
import { IngestClient } from "../corpus/ingest-client.ts";
import type { TransferResult } from "../corpus/transfer.ts";
import { type Corpus, Feeder, openCorpus } from "./feeder.ts";
import { loadOrCreateKeys, type StackKeys } from "./keys.ts";
import { StackLock } from "./lock.ts";
import { checkPortFree, closeServer, listenOnLoopback } from "./loopback.ts";
import { createProgressView, formatCount, type ProgressView } from "./progress.ts";
import { Stack } from "./stack.ts";
import {
  checkDeletable,
  deleteStateFolder,
  describeStateFolder,
  openStateFolder,
  rotateLog,
  type StateFolder,
} from "./state-folder.ts";

export interface SuperviseOptions {
  readonly script: string;
  readonly statePath: string;
  /** 0: any free one. */
  readonly port: number;
  readonly index: string;
  /** Null: WordNet. */
  readonly corpusPath: string | null;
  readonly limit: number | null;
  readonly withCorpus: boolean;
}

/** `npm start` passes one Ctrl-C on twice, once from the terminal and once from npm: only a later one means hurry. */
const HURRY_AFTER_MS = 1000;

/** Runs until a signal, or until a child cannot be kept alive. @throws LzeroError when it cannot start */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const folder = await openStateFolder(options.statePath);
  const lock = await StackLock.acquire(folder.lock);
  try {
    const corpus = options.withCorpus ? openCorpus(options.corpusPath, options.limit) : null;
    // A corpus that cannot be had is known before anything starts; reading one goes on meanwhile.
    if (options.corpusPath !== null) await corpus;
    corpus?.catch(() => undefined);
    const port = await choosePort(options.port);
    const { keys, isNew } = await loadOrCreateKeys(folder.keys);
    return await runStack({ ...options, folder, lock, port, keys, areKeysNew: isNew, corpus });
  } finally {
    await lock.release();
  }
}

/** `npm run reset`. @throws LzeroError `already_running`, `state_folder_foreign` */
export async function resetState(statePath: string): Promise<void> {
  const folder = describeStateFolder(statePath);
  if (!(await checkDeletable(folder))) {
    console.log(`Nothing to delete at ${folder.root}.`);
    return;
  }
  // Taking the lock is the one sure way to know that nothing runs, and it ends what a killed stack left behind.
  const lock = await StackLock.acquire(folder.lock);
  try {
    await deleteStateFolder(folder);
  } finally {
    await lock.release();
  }
  console.log(`Deleted ${folder.root}: the next start begins anew.`);
}

interface RunOptions extends SuperviseOptions {
  readonly folder: StateFolder;
  readonly lock: StackLock;
  readonly keys: StackKeys;
  readonly areKeysNew: boolean;
  readonly corpus: Promise<Corpus> | null;
}

async function runStack({
  folder,
  lock,
  port,
  keys,
  areKeysNew,
  corpus,
  script,
  index,
}: RunOptions): Promise<number> {
  const view = createProgressView(process.stdout);
  const show = (path: string): string => {
    const fromHere = relative(process.cwd(), path);
    return fromHere.startsWith("..") ? path : fromHere;
  };
  const ending = new Ending();
  let lockUpdates = Promise.resolve();
  let feeder: Feeder | null = null;
  if (areKeysNew) printKeys(view, keys, show(folder.keys));
  view.print(`Starting queue, edge and consumer (logs in ${show(folder.log("*"))}) …`);
  const starting = Stack.start({
    folder,
    keys,
    port,
    script,
    onGroups: (groups) => {
      lockUpdates = lockUpdates.then(() => lock.update(`http://127.0.0.1:${port}`, groups));
    },
    onRestart: (name, attempt, reason, logPath) => {
      view.print(`${name} ended (${reason}); starting it again (${attempt}), its log is ${show(logPath)}`);
      if (name === "queue") feeder?.reportLostQueue();
    },
    onGiveUp: (error) => ending.request(error),
  });
  let stack: Stack;
  try {
    stack = await starting;
    lockUpdates = lockUpdates.then(() => lock.noteKv(stack.kv)).then(() => lock.noteQueues(stack.queues));
  } finally {
    await lockUpdates;
  }
  try {
    if (ending.reason === null) {
      // Not waited for at the end: a request of it may hang, and whatever it sent is safe.
      void feedIfWanted();
      await ending.requested;
      view.stop();
    }
    if (ending.reason !== "signal") console.error(describeError(ending.reason));
    view.print(
      "Stopping: the consumer finishes what it has, then the rest follows (again Ctrl-C: at once) …",
    );
    await Promise.race([stack.stop(), ending.hurried.then(() => stack.kill())]);
    view.print("Stopped.");
    return ending.reason === "signal" ? 0 : 1;
  } finally {
    await stack.kill();
    ending.dispose();
    await lockUpdates;
  }

  async function feedIfWanted(): Promise<void> {
    const client = new IngestClient({ url: stack.url, writeKey: keys.writeKey });
    if (corpus === null) {
      view.print(`Lzero is ready: ${stack.url}`);
      return;
    }
    try {
      const log = folder.log("feeder");
      await rotateLog(log);
      const opened = await corpus;
      if (opened.total !== null) logStage(log, "read", opened.total, opened.readMs);
      feeder = new Feeder({
        client,
        index,
        corpus: opened,
        signal: ending.signal,
        onReady: () => view.print(`Lzero is ready: ${stack.url}`),
        onProgress: (progress) => {
          if (ending.reason === null) view.update(progress);
        },
        onStage: (stage, documents, durationMs) => logStage(log, stage, documents, durationMs),
      });
      const result = await feeder.run();
      view.stop();
      view.print(describeResult(result));
    } catch (error) {
      if (ending.signal.aborted) return;
      view.stop();
      view.print(`The corpus did not come in: ${describeError(error)}`);
      view.print("Everything else runs on. Start again to go on with the corpus where it stopped.");
    }
  }
}

/** When and why the stack is to end. */
class Ending {
  readonly requested: Promise<void>;
  readonly hurried: Promise<void>;
  readonly #abort = new AbortController();
  #reason: "signal" | LzeroError | null = null;
  readonly #dispose: () => void;
  #request: () => void = () => undefined;

  constructor() {
    this.requested = new Promise((resolve) => {
      this.#request = resolve;
    });
    let hurry: () => void = () => undefined;
    this.hurried = new Promise((resolve) => {
      hurry = resolve;
    });
    let firstAtMs: number | null = null;
    const handle = (): void => {
      if (firstAtMs === null) firstAtMs = Date.now();
      else if (Date.now() - firstAtMs > HURRY_AFTER_MS) hurry();
      this.request("signal");
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) process.on(signal, handle);
    this.#dispose = () => {
      for (const signal of signals) process.off(signal, handle);
    };
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get reason(): "signal" | LzeroError | null {
    return this.#reason;
  }

  request(reason: "signal" | LzeroError): void {
    this.#reason ??= reason;
    this.#abort.abort();
    this.#request();
  }

  dispose(): void {
    this.#dispose();
  }
}

async function choosePort(port: number): Promise<number> {
  if (port !== 0) {
    await checkPortFree(port);
    return port;
  }
  const { server, port: free } = await listenOnLoopback(0, async () => undefined);
  await closeServer(server);
  return free;
}

function describeResult(
  result: TransferResult & { readonly documents: number; readonly durationMs: number },
): string {
  const seconds = (result.durationMs / 1000).toFixed(1);
  const already = result.sentNow === 0 ? " (all there already)" : "";
  const lines = [`Corpus complete: ${formatCount(result.documents)} documents in ${seconds} s${already}`];
  if (result.lost.length > 0) {
    lines.push(`${formatCount(result.lost.length)} documents are not in the index:`);
    for (const { line, id, code, message } of result.lost.slice(0, 10)) {
      lines.push(`  line ${line}${id === null ? "" : ` (${id})`}: ${code}: ${message}`);
    }
  }
  return lines.join("\n");
}

function printKeys(view: ProgressView, keys: StackKeys, path: string): void {
  view.print(`Keys of this stack, shown this once (kept in ${path}, readable by you alone):`);
  view.print(`  write key    ${keys.writeKey}`);
  view.print(`  publish key  ${keys.publishKey}`);
}

function logStage(path: string, stage: string, documents: number, durationMs: number): void {
  const perSecond = durationMs === 0 ? null : Math.round((documents * 1000) / durationMs);
  const entry = { time: new Date().toISOString(), stage, documents, durationMs, perSecond };
  appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}
