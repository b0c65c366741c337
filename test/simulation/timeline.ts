/**
 * Virtual time and the scheduler. Everything that waits in a simulation waits for an event of this timeline; events
 * happen one at a time, each followed by all the work that it sets off, so that a run depends on nothing but its seed.
 *
 * Code that happens after an event belongs to the event's actor: promises are settled only by events, and actors share
 * none. So timers have an owner, and those of a crashed actor never ring.
 */

/** One incarnation of something that can crash. A dead one is never resumed: its promises stay open for ever. */
export class Actor {
  readonly name: string;
  alive = true;
  /** What its clock is ahead of true time. */
  skewMs = 0;

  constructor(name: string) {
    this.name = name;
  }
}

interface Event {
  readonly atMs: number;
  /** Order of events of the same time. */
  readonly sequence: number;
  readonly actor: Actor | null;
  readonly run: () => void;
  cancelled: boolean;
}

const realSetImmediate = globalThis.setImmediate;
const START_MS = 1_700_000_000_000;

export class Timeline {
  nowMs = START_MS;
  current: Actor | null = null;
  /** Events that have happened. */
  events = 0;
  readonly #heap: Event[] = [];
  #sequence = 0;

  /** What a clock of the actor that is at work shows. */
  clockMs(): number {
    return this.nowMs + (this.current?.skewMs ?? 0);
  }

  /** Plans an event. @returns what cancels it */
  schedule(delayMs: number, actor: Actor | null, run: () => void): () => void {
    const event = {
      atMs: this.nowMs + Math.ceil(Math.max(0, delayMs)),
      sequence: this.#sequence++,
      actor,
      run,
      cancelled: false,
    };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  sleep(actor: Actor, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(delayMs, actor, resolve);
    });
  }

  /** Lets an actor begin something, with all that follows at once. */
  async start(actor: Actor, body: () => void): Promise<void> {
    this.current = actor;
    body();
    await settle();
    this.current = null;
  }

  /** Lets events happen until a time has passed or a condition holds, which is asked after each of them. */
  async advance(durationMs: number, until: () => boolean = () => false): Promise<boolean> {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      if (until()) return true;
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#pop();
      if (next.cancelled || next.actor?.alive === false) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.current = next.actor;
      this.events += 1;
      next.run();
      await settle();
      this.current = null;
    }
    this.nowMs = Math.max(this.nowMs, endMs);
    return false;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

/** Resolves when every promise reaction that can run has run: an immediate comes after all of them. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    realSetImmediate(resolve);
  });
}
