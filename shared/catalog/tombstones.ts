/**
 * Tombstones by generation: a row holds all tombstones of one window of 65,536 ordinals of a segment, from its
 * generation on until the next row of that window. So every retained generation can be described, and a commit writes
 * only the windows that it changes.
 */

import {
  afterKey,
  tombstoneGeneration,
  tombstoneKey,
  tombstonePrefix,
  tombstoneWindow,
  viewOf,
} from "./keys.ts";
import { afterPrefix, type OrderedStore, prefixRange } from "./ordered-store.ts";

export const WINDOW_ORDINALS = 65_536;
const BITMAP_BYTES = WINDOW_ORDINALS / 8;
const FORM_LIST = 0;
const FORM_BITMAP = 1;

/** The tombstones of one generation, to be read and added to; windows are loaded when first asked for. */
export class TombstoneView {
  readonly #store: OrderedStore;
  readonly #generation: number;
  /** By segment, then window. */
  readonly #segments = new Map<number, Map<number, Window>>();

  constructor(store: OrderedStore, generation: number) {
    this.#store = store;
    this.#generation = generation;
  }

  has(segment: number, ordinal: number): boolean {
    const { bits } = this.#window(segment, Math.floor(ordinal / WINDOW_ORDINALS));
    const place = ordinal % WINDOW_ORDINALS;
    return (bits[place >>> 3]! & (1 << (place & 7))) !== 0;
  }

  /** @returns whether the ordinal was alive before */
  add(segment: number, ordinal: number): boolean {
    const window = this.#window(segment, Math.floor(ordinal / WINDOW_ORDINALS));
    const place = ordinal % WINDOW_ORDINALS;
    const mask = 1 << (place & 7);
    if ((window.bits[place >>> 3]! & mask) !== 0) return false;
    window.bits[place >>> 3]! |= mask;
    window.added += 1;
    return true;
  }

  /**
   * Has a segment's tombstones of this view's generation written down anew, wherever a later generation has others.
   * Rows say how it is *from* their generation on, so that restoring an older state is one more row.
   */
  restore(segment: number): void {
    for (const window of windowsChangedSince(this.#store, segment, this.#generation)) {
      this.#window(segment, window).isRestored = true;
    }
  }

  /** How many tombstones were added to a segment. */
  added(segment: number): number {
    let count = 0;
    for (const window of this.#segments.get(segment)?.values() ?? []) count += window.added;
    return count;
  }

  /** Segments that have windows to write. */
  changedSegments(): number[] {
    return [...this.#segments].flatMap(([segment, windows]) =>
      [...windows.values()].some(isChanged) ? [segment] : [],
    );
  }

  /** Writes the changed windows of the given segments as rows of a new generation. */
  write(generation: number, segments: ReadonlySet<number>): void {
    for (const [segment, windows] of this.#segments) {
      if (!segments.has(segment)) continue;
      for (const [window, state] of windows) {
        if (!isChanged(state)) continue;
        this.#store.put(tombstoneKey(segment, window, generation), encodeWindow(state.bits));
      }
    }
  }

  /** All tombstones of a segment, ascending. */
  ordinals(segment: number, documents: number): Uint32Array {
    const ordinals: number[] = [];
    for (let window = 0; window * WINDOW_ORDINALS < documents; window++) {
      const { bits } = this.#window(segment, window);
      const used = Math.ceil((documents - window * WINDOW_ORDINALS) / 8);
      bits.subarray(0, used).forEach((byte, at) => {
        for (let bit = 0; byte !== 0 && bit < 8; bit++) {
          if ((byte & (1 << bit)) !== 0) ordinals.push(window * WINDOW_ORDINALS + at * 8 + bit);
        }
      });
    }
    return Uint32Array.from(ordinals);
  }

  #window(segment: number, window: number): Window {
    let windows = this.#segments.get(segment);
    if (windows === undefined) {
      windows = new Map();
      this.#segments.set(segment, windows);
    }
    let found = windows.get(window);
    if (found === undefined) {
      const [row] = this.#store.list({
        start: tombstonePrefix(segment, window),
        end: tombstoneKey(segment, window, this.#generation + 1),
        limit: 1,
        reverse: true,
      });
      const bits = row === undefined ? new Uint8Array(BITMAP_BYTES) : decodeWindow(row.value);
      found = { bits, added: 0, isRestored: false };
      windows.set(window, found);
    }
    return found;
  }
}

interface Window {
  readonly bits: Uint8Array;
  added: number;
  isRestored: boolean;
}

function isChanged({ added, isRestored }: Window): boolean {
  return added > 0 || isRestored;
}

/** The generations that are retained: some pinned ones, and every one from the oldest of the others on. */
export interface RetainedGenerations {
  /** Ascending. */
  readonly pins: readonly number[];
  readonly oldest: number;
}

/** Deletes a segment's rows that no retained generation reads. */
export function pruneTombstones(store: OrderedStore, segment: number, retained: RetainedGenerations): void {
  const { pins, oldest } = retained;
  let previous: Uint8Array | null = null;
  for (const key of tombstoneKeys(store, segment)) {
    if (previous !== null && tombstoneWindow(previous) === tombstoneWindow(key)) {
      // The generations that read the previous row are those from its own up to, and without, this one's.
      const from = tombstoneGeneration(previous);
      const until = tombstoneGeneration(key);
      const isRead = until > oldest || pins.some((pin) => pin >= from && pin < until);
      if (!isRead) store.delete(previous);
    }
    previous = key;
  }
}

/** Windows of a segment that have rows of a later generation. */
function windowsChangedSince(store: OrderedStore, segment: number, generation: number): Set<number> {
  const windows = new Set<number>();
  for (const key of tombstoneKeys(store, segment)) {
    if (tombstoneGeneration(key) > generation) windows.add(tombstoneWindow(key));
  }
  return windows;
}

/** Keys of a segment's rows by window, then generation; few of the rows are held at a time. */
function* tombstoneKeys(store: OrderedStore, segment: number): Generator<Uint8Array> {
  const prefix = tombstonePrefix(segment);
  const end = afterPrefix(prefix);
  let start = prefix;
  for (;;) {
    const rows = store.list({ start, limit: PAGE_ROWS, ...(end === undefined ? {} : { end }) });
    for (const { key } of rows) yield key;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    start = afterKey(last.key);
  }
}

const PAGE_ROWS = 64;

export function deleteTombstones(store: OrderedStore, segment: number): void {
  for (;;) {
    const rows = store.list({ ...prefixRange(tombstonePrefix(segment)), limit: PAGE_ROWS });
    for (const { key } of rows) store.delete(key);
    if (rows.length < PAGE_ROWS) return;
  }
}

/** A form byte, then the ordinals within the window as big-endian u16 or, when that is smaller, a bitmap. */
function encodeWindow(bits: Uint8Array): Uint8Array {
  const places: number[] = [];
  bits.forEach((byte, at) => {
    for (let bit = 0; byte !== 0 && bit < 8; bit++) if ((byte & (1 << bit)) !== 0) places.push(at * 8 + bit);
  });
  if (places.length * 2 >= BITMAP_BYTES) {
    const value = new Uint8Array(1 + BITMAP_BYTES);
    value[0] = FORM_BITMAP;
    value.set(bits, 1);
    return value;
  }
  const value = new Uint8Array(1 + places.length * 2);
  value[0] = FORM_LIST;
  const view = viewOf(value);
  places.forEach((place, i) => {
    view.setUint16(1 + i * 2, place);
  });
  return value;
}

function decodeWindow(value: Uint8Array): Uint8Array {
  if (value[0] === FORM_BITMAP) return value.slice(1);
  const bits = new Uint8Array(BITMAP_BYTES);
  const view = viewOf(value);
  for (let offset = 1; offset < value.length; offset += 2) {
    const place = view.getUint16(offset);
    bits[place >>> 3]! |= 1 << (place & 7);
  }
  return bits;
}
