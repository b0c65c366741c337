/** Ranks drawn so that rank r comes up in proportion to 1 / r^s (Zipf 1949). In: a random source. Out: ranks from 0. */

/** @param exponent s; query logs have about 0.8 to 1 */
export function zipfRanks(count: number, exponent: number, random: () => number): () => number {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  return () => {
    const drawn = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
