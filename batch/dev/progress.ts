/**
 * Progress of a transfer for people: a bar on a terminal, a line every few seconds elsewhere. Rates are over the last
 * moments, not since the beginning, so that a stall shows.
 */
import cliProgress from "cli-progress";
import type { TransferProgress } from "../corpus/transfer.ts";

const LINE_INTERVAL_MS = 5000;
const RATE_WINDOW_MS = 10_000;

export interface ProgressView {
  update(progress: TransferProgress & { readonly total: number | null }): void;
  /** Prints a line of text without tearing the bar. */
  print(text: string): void;
  stop(): void;
}

export function createProgressView(
  stream: NodeJS.WriteStream,
  nowMs: () => number = () => Date.now(),
): ProgressView {
  const rate = new RateMeter();
  const write = (text: string): void => void stream.write(`${text}\n`);
  if (!stream.isTTY) {
    let printedAtMs = Number.NEGATIVE_INFINITY;
    let printed = "";
    return {
      update: ({ sent, pending, total }) => {
        const perSecond = rate.add(nowMs(), sent - pending);
        if (nowMs() - printedAtMs < LINE_INTERVAL_MS) return;
        const of = total === null ? "" : ` of ${formatCount(total)}`;
        const text = `sent ${formatCount(sent)}${of} · indexed ${formatCount(sent - pending)} · ${formatCount(perSecond)} documents/s`;
        if (text !== printed) write(text);
        printed = text;
        printedAtMs = nowMs();
      },
      print: write,
      stop: () => undefined,
    };
  }
  const bar = new cliProgress.SingleBar({
    stream,
    format: "{bar} {indexed} of {of} indexed · {sent} sent · {perSecond} documents/s",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    // Signals are the supervisor's matter.
    gracefulExit: false,
  });
  let isShown = false;
  let last: (TransferProgress & { readonly total: number | null }) | null = null;
  const draw = (): void => {
    if (last === null) return;
    const { sent, pending, total } = last;
    const indexed = sent - pending;
    const payload = {
      indexed: formatCount(indexed),
      of: formatCount(total ?? sent),
      sent: formatCount(sent),
      perSecond: formatCount(rate.add(nowMs(), indexed)),
    };
    if (isShown) {
      bar.setTotal(Math.max(1, total ?? sent));
      bar.update(indexed, payload);
    } else bar.start(Math.max(1, total ?? sent), indexed, payload);
    isShown = true;
  };
  const hide = (): void => {
    if (isShown) bar.stop();
    isShown = false;
  };
  return {
    update: (progress) => {
      last = progress;
      draw();
    },
    print: (text) => {
      const wasShown = isShown;
      hide();
      write(text);
      if (wasShown) draw();
    },
    stop: hide,
  };
}

/** Documents a second over the last moments. */
export class RateMeter {
  #samples: { readonly atMs: number; readonly count: number }[] = [];

  add(atMs: number, count: number): number {
    this.#samples = [
      ...this.#samples.filter((sample) => atMs - sample.atMs <= RATE_WINDOW_MS),
      { atMs, count },
    ];
    const first = this.#samples[0]!;
    return atMs === first.atMs
      ? 0
      : Math.max(0, Math.round((count - first.count) / ((atMs - first.atMs) / 1000)));
  }
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
