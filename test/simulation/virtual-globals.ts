/**
 * The clock, timers and chance of the JavaScript runtime, replaced by those of a simulation while it runs: the real
 * consumer, its queue client and the isolate cache take theirs from there. The sleep of `node:timers/promises` is one of
 * them: a named import of a built-in module follows what is put in its place.
 */
import { syncBuiltinESMExports } from "node:module";
import timersPromises from "node:timers/promises";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** @returns what puts the real ones back */
export function installVirtualGlobals(timeline: Timeline, random: Random): () => void {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    Response: globalThis.Response,
    now: Date.now,
    random: Math.random,
  };
  const realSleep = timersPromises.setTimeout;
  const cancels = new Map<number, () => void>();
  let nextId = 1;
  const clear = (id: unknown) => {
    cancels.get(id as number)?.();
    cancels.delete(id as number);
  };
  const start = (delayMs: number, repeats: boolean, call: () => void): number => {
    const id = nextId++;
    const owner = timeline.current;
    const arm = () => {
      const cancel = timeline.schedule(Math.max(1, delayMs), owner, () => {
        if (repeats) arm();
        else cancels.delete(id);
        call();
      });
      cancels.set(id, cancel);
    };
    arm();
    return id;
  };
  Object.assign(globalThis, {
    setTimeout: (call: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]) =>
      start(delayMs, false, () => call(...given)),
    setInterval: (call: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]) =>
      start(delayMs, true, () => call(...given)),
    clearTimeout: clear,
    clearInterval: clear,
    Response: PlainResponse,
  });
  timersPromises.setTimeout = virtualSleep(timeline);
  syncBuiltinESMExports();
  Date.now = () => timeline.clockMs();
  Math.random = () => random.next();
  return () => {
    const { now, random: chance, ...globals } = real;
    Object.assign(globalThis, globals);
    Date.now = now;
    Math.random = chance;
    timersPromises.setTimeout = realSleep;
    syncBuiltinESMExports();
  };
}

/** Gives back what it was made of; the real one reads its own bytes as a stream, in its own time. */
class PlainResponse {
  readonly #body: Uint8Array;

  constructor(body: Uint8Array) {
    this.#body = body;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#body.slice().buffer as ArrayBuffer;
  }
}

function virtualSleep(timeline: Timeline): typeof timersPromises.setTimeout {
  return <Value>(delayMs = 1, value?: Value, { signal }: { signal?: AbortSignal | undefined } = {}) =>
    new Promise<Value>((resolve, reject) => {
      const abort = () => {
        cancel();
        reject(signal!.reason);
      };
      const cancel = timeline.schedule(Math.max(1, delayMs), timeline.current, () => {
        signal?.removeEventListener("abort", abort);
        resolve(value as Value);
      });
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
}
