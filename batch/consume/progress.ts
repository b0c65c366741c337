/** How far consumption is: a bar on a terminal, otherwise a log line every few seconds while something moves. */
import { SingleBar } from "cli-progress";
import type { Logger } from "../logging.ts";

/** Documents since the start; whoever does the work counts up. */
export interface Progress {
  received: number;
  encoded: number;
  published: number;
  dead: number;
}

export function newProgress(): Progress {
  return { received: 0, encoded: 0, published: 0, dead: 0 };
}

const LOG_INTERVAL_MS = 5000;
const BAR_INTERVAL_MS = 250;

/** Starts to show progress. @returns what ends it */
export function showProgress(progress: Progress, logger: Logger, onTerminal: boolean): () => void {
  return onTerminal ? showBar(progress) : logProgress(progress, logger);
}

function logProgress(progress: Progress, logger: Logger): () => void {
  let last = { ...progress };
  let lastAtMs = Date.now();
  const report = () => {
    const seconds = (Date.now() - lastAtMs) / 1000;
    const { received, encoded, published, dead } = progress;
    if (received !== last.received || encoded !== last.encoded || published !== last.published) {
      const perSecond = (now: number, before: number) => Math.round((now - before) / seconds);
      logger.info(
        {
          received,
          encoded,
          published,
          dead,
          encodedPerSecond: perSecond(encoded, last.encoded),
          publishedPerSecond: perSecond(published, last.published),
        },
        "progress",
      );
    }
    last = { ...progress };
    lastAtMs = Date.now();
  };
  const timer = setInterval(report, LOG_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    report();
  };
}

function showBar(progress: Progress): () => void {
  const bar = new SingleBar({
    format: "{bar} {value}/{total} documents published · {encoded} encoded, {rate}/s · {dead} dead",
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  const startedAtMs = Date.now();
  bar.start(0, 0, { encoded: 0, rate: 0, dead: 0 });
  const timer = setInterval(() => {
    const { received, encoded, published, dead } = progress;
    bar.setTotal(received);
    bar.update(published, { encoded, dead, rate: Math.round((encoded * 1000) / (Date.now() - startedAtMs)) });
  }, BAR_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    bar.stop();
  };
}
