import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../../shared/format/bytes.ts";
import {
  decodePostings,
  encodePostingList,
  MIN_RUN_POSTINGS,
  MIN_WINDOW_POSTINGS,
  openPostings,
  type PostingListPlace,
  WINDOW_ORDINALS,
} from "../../../../shared/format/posting-list.ts";
import { RUN_SLACK_BYTES } from "../../../../shared/format/posting-run.ts";
import { randomOf } from "../../../support/random.ts";
import { errorCodeOf } from "./support.ts";

interface List {
  readonly documents: number;
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
}

function makeList(seed: number, documents: number, density: number, impactRange: [number, number]): List {
  const random = randomOf(seed);
  const ordinals: number[] = [];
  // Clumps: a stretch has its own density, from none of its documents to all of them.
  for (let ordinal = 0; ordinal < documents; ) {
    const stretch = 1 + Math.floor(random() * 3000);
    const local = random() < 0.2 ? random() : density * random() * 2;
    for (let end = Math.min(documents, ordinal + stretch); ordinal < end; ordinal++) {
      if (random() < local) ordinals.push(ordinal);
    }
  }
  const [low, high] = impactRange;
  return {
    documents,
    ordinals: Uint32Array.from(ordinals),
    impacts: Uint8Array.from(ordinals, () => low + Math.floor(random() * (high - low + 1))),
  };
}

const listArbitrary = fc
  .record({
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
    documents: fc.oneof(
      fc.integer({ min: 1, max: 400 }),
      fc.constantFrom(
        1,
        2,
        WINDOW_ORDINALS - 1,
        WINDOW_ORDINALS,
        WINDOW_ORDINALS + 1,
        2 * WINDOW_ORDINALS + 9,
      ),
    ),
    density: fc.constantFrom(0, 0.00005, 0.0005, 0.005, 0.05, 0.5, 1),
    impacts: fc.constantFrom<[number, number]>([1, 255], [1, 31], [9, 9], [200, 255], [1, 2]),
  })
  .map(({ seed, documents, density, impacts }) => makeList(seed, documents, density, impacts));

/** The matcher takes its time over arrays of this size. */
function isSame(a: Uint32Array | Int32Array | Uint8Array, b: typeof a): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

/** Encodes a list and cuts it into parts of at least `partBytes`, as pages do. */
function placeOf({ documents, ordinals, impacts }: List, partBytes = 2 ** 30): PostingListPlace {
  const writer = new ByteWriter();
  writer.u8(0xee);
  const cuts = encodePostingList(writer, ordinals, impacts, 0, ordinals.length, documents);
  const bytes = writer.view().slice(1);
  const ends = cuts.filter((cut, at) => cut - (cuts[at - 1] ?? 0) >= partBytes);
  const starts = [0, ...ends];
  const parts = starts.map((start, at) => {
    const part = bytes.subarray(start, ends[at] ?? bytes.length);
    const payload = new Uint8Array(2 + part.length + RUN_SLACK_BYTES).fill(0xee);
    payload.set(part, 2);
    return { key: `key/${at}`, payload, offset: 2, length: part.length };
  });
  const maxImpact = impacts.reduce((maximum, impact) => Math.max(maximum, impact), 0);
  return { formatVersion: 2, parts, documentFrequency: ordinals.length, maxImpact, documents };
}

describe("encodePostingList, decodePostings and openPostings", () => {
  it("give back every list, in one part or several", () => {
    fc.assert(
      fc.property(listArbitrary, fc.constantFrom(1, 2 ** 30), (list, partBytes) => {
        const { ordinals, impacts } = decodePostings(placeOf(list, partBytes));
        expect(isSame(ordinals, list.ordinals) && isSame(impacts, list.impacts)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("add weight times impact to what is there, window by window, and count what they add", () => {
    fc.assert(
      fc.property(listArbitrary, fc.constantFrom(1, 2 ** 30), (list, partBytes) => {
        const opened = openPostings(placeOf(list, partBytes));
        const sums = new Int32Array(list.documents).fill(7);
        const touched: number[] = [];
        const sumsTouched = new Int32Array(list.documents);
        let count = 0;
        let maxImpact = 0;
        for (let base = 0; base < list.documents; base += WINDOW_ORDINALS) {
          const window = base / WINDOW_ORDINALS;
          opened.accumulate(window, 1000, sums.subarray(base, base + WINDOW_ORDINALS));
          const of = new Uint16Array(WINDOW_ORDINALS + 1);
          const part = sumsTouched.subarray(base, base + WINDOW_ORDINALS);
          const first = opened.accumulateTouching(window, 1000, part, of, 0);
          // A second time nothing is touched for the first time.
          expect(opened.accumulateTouching(window, 0, part, of, first)).toBe(first);
          for (const ordinal of of.subarray(0, first)) touched.push(base + ordinal);
          count += opened.count(window);
          maxImpact = Math.max(maxImpact, opened.maxImpact(window));
        }
        const expected = new Int32Array(list.documents).fill(7);
        list.ordinals.forEach((ordinal, at) => {
          expected[ordinal]! += 1000 * list.impacts[at]!;
        });
        expect(isSame(sums, expected)).toBe(true);
        expect(
          isSame(
            sumsTouched.map((sum) => sum + 7),
            expected,
          ),
        ).toBe(true);
        expect(isSame(Uint32Array.from(touched), list.ordinals)).toBe(true);
        expect(count).toBe(list.ordinals.length);
        expect(maxImpact).toBe(Math.max(0, ...new Set(list.impacts)));
      }),
      { numRuns: 40 },
    );
  });

  it("add to the candidates alone when they are probed", () => {
    fc.assert(
      fc.property(
        listArbitrary,
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.constantFrom(0.0001, 0.002, 0.03, 0.5, 1),
        (list, seed, share) => {
          const opened = openPostings(placeOf(list));
          const random = randomOf(seed);
          for (let base = 0; base < list.documents; base += WINDOW_ORDINALS) {
            const window = base / WINDOW_ORDINALS;
            const size = Math.min(WINDOW_ORDINALS, list.documents - base);
            const candidates = Uint16Array.from({ length: size }, (_, ordinal) => ordinal).filter(
              () => random() < share,
            );
            const scores = new Int32Array(candidates.length).fill(7);
            const decoded = opened.probe(window, 3, candidates, scores, candidates.length);
            const sums = new Int32Array(size).fill(7);
            opened.accumulate(window, 3, sums);
            const expected = Int32Array.from(candidates, (ordinal) => sums[ordinal]!);
            expect(isSame(scores, expected)).toBe(true);
            expect(decoded).toBeLessThanOrEqual(opened.count(window));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("decode a part of a list when a few candidates are probed", () => {
    const list = makeList(5, WINDOW_ORDINALS, 0.2, [1, 31]);
    const opened = openPostings(placeOf(list));
    const candidates = Uint16Array.of(10, 30_000, 30_001, 65_000);
    const decoded = opened.probe(0, 1, candidates, new Int32Array(4), 4);
    expect(decoded).toBeLessThan(4 * 128);
    expect(list.ordinals.length).toBeGreaterThan(5000);
  });

  it("take less than 25 % more than the entropy of gaps and impacts", () => {
    const random = randomOf(11);
    for (const density of [0.5, 0.1, 0.02, 0.004]) {
      const ordinals = Uint32Array.from({ length: WINDOW_ORDINALS }, (_, at) => at).filter(
        () => random() < density,
      );
      const impacts = Uint8Array.from(ordinals, () => 1 + Math.floor(random() * 31));
      const place = placeOf({ documents: WINDOW_ORDINALS, ordinals, impacts });
      const share = ordinals.length / WINDOW_ORDINALS;
      const bits = -Math.log2(share) - ((1 - share) / share) * Math.log2(1 - share) + Math.log2(31);
      expect((8 * place.parts[0]!.length) / ordinals.length).toBeLessThan(1.08 * bits);
    }
  });

  it("choose the form of a list by its postings and documents alone", () => {
    const lengthOf = (count: number, documents: number) => {
      const ordinals = Uint32Array.from({ length: count }, (_, at) => at * 2);
      return placeOf({ documents, ordinals, impacts: new Uint8Array(count).fill(3) }).parts[0]!.length;
    };
    // Two bytes a posting; a run has a header, and no impact when all are equal.
    expect(lengthOf(MIN_RUN_POSTINGS - 1, 1000)).toBe(2 * (MIN_RUN_POSTINGS - 1));
    expect(lengthOf(MIN_RUN_POSTINGS, 1000)).toBeLessThan(2 * MIN_RUN_POSTINGS);
    // A list in windows begins with the gap of its first window and its count.
    const sparse = 2 * MIN_WINDOW_POSTINGS - 1;
    expect(lengthOf(sparse, WINDOW_ORDINALS + 1)).toBe(lengthOf(sparse, WINDOW_ORDINALS));
    expect(lengthOf(sparse + 1, WINDOW_ORDINALS + 1)).toBeGreaterThan(lengthOf(sparse + 1, WINDOW_ORDINALS));
  });
});

describe("decodePostings and openPostings", () => {
  const list = makeList(3, 2 * WINDOW_ORDINALS, 0.05, [4, 31]);
  const place = placeOf(list);

  const readAll = (damaged: PostingListPlace) => {
    const opened = openPostings(damaged);
    for (const window of [0, 1]) opened.accumulate(window, 1, new Int32Array(WINDOW_ORDINALS));
  };

  it.each<[string, Partial<PostingListPlace>]>([
    ["fewer postings than the directory says", { documentFrequency: place.documentFrequency + 1 }],
    ["more postings than the directory says", { documentFrequency: place.documentFrequency - 1 }],
    ["another largest impact", { maxImpact: 30 }],
    ["ordinals past the documents", { documents: WINDOW_ORDINALS + 100 }],
    ["a window past the documents", { documents: WINDOW_ORDINALS }],
    ["a list that ends outside its page", { parts: [{ ...place.parts[0]!, length: 10 ** 6 }] }],
    ["a list that is cut", { parts: [{ ...place.parts[0]!, length: 100 }] }],
  ])("refuse %s", (_, change) => {
    const damaged = { ...place, ...change };
    expect(errorCodeOf(() => decodePostings(damaged))).toBe("page_corrupt");
    expect(errorCodeOf(() => readAll(damaged))).toBe("page_corrupt");
  });

  it("refuse a flipped bit or say what the list says with it, and never write beyond the accumulators", () => {
    const small = placeOf(makeList(9, 800, 0.1, [1, 31]));
    const { payload } = small.parts[0]!;
    for (let bit = 0; bit < 8 * payload.length; bit++) {
      const bytes = payload.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const damaged = { ...small, parts: [{ ...small.parts[0]!, payload: bytes }] };
      const sums = new Int32Array(800);
      let refused = "";
      try {
        const { ordinals, impacts } = decodePostings(damaged);
        ordinals.forEach((ordinal, at) => {
          sums[ordinal] = impacts[at]!;
        });
      } catch (error) {
        refused = (error as { code: string }).code;
        expect(refused).toBe("page_corrupt");
      }
      if (refused !== "") continue;
      const accumulated = new Int32Array(800);
      openPostings(damaged).accumulate(0, 1, accumulated);
      if (!isSame(accumulated, sums)) expect(accumulated).toEqual(sums);
    }
  });
});
