/** Runs asynchronous work with a bound on how much is under way. */

export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Makes a limiter; waiting work starts in the order in which it was given.
 * @param atOnce at least 1
 */
export function createLimiter(atOnce: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running === atOnce) await new Promise<void>((start) => waiting.push(start));
    else running++;
    try {
      return await work();
    } finally {
      // The place of finished work goes straight to the next in line, so that no newcomer can take it.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
