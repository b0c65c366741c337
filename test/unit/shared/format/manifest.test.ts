import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeManifest, encodeManifest, type Manifest } from "../../../../shared/format/manifest.ts";
import { IDF_MODES } from "../../../../shared/model/idf.ts";
import { ascendingArbitrary, errorCodeOf, segmentIdArbitrary } from "./support.ts";

const hexArbitrary = segmentIdArbitrary;

const manifestArbitrary: fc.Arbitrary<Manifest> = fc.record({
  index: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/),
  generation: fc.maxSafeNat(),
  createdAtMs: fc.maxSafeNat(),
  settings: fc.record({
    encoder: fc.constantFrom("onnx" as const, "bm25" as const),
    versions: fc.constantFrom("sequence" as const, "external" as const),
    encodedFields: fc.constantFrom<("title" | "text")[][]>(["title"], ["text"], ["title", "text"]),
    idf: fc.constantFrom(...IDF_MODES),
    averageLength: fc.option(fc.double({ min: 1, max: 1e6, noNaN: true })),
  }),
  model: fc.record({
    fingerprint: hexArbitrary,
    tables: hexArbitrary,
    maxWeight: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
    impactBits: fc.constant(8 as const),
    averageLength: fc.option(fc.double({ min: 1, max: 1e6, noNaN: true })),
  }),
  segments: fc.uniqueArray(
    fc.nat(100_000).chain((documents) =>
      fc.record({
        segmentId: segmentIdArbitrary,
        pages: fc.integer({ min: 1, max: 1000 }),
        documents: fc.constant(documents),
        sizeBytes: fc.integer({ min: 1, max: 2 ** 40 }),
        checksum: fc.stringMatching(/^[0-9a-f]{8}$/),
        tombstones: documents === 0 ? fc.constant(new Uint32Array(0)) : ascendingArbitrary(documents - 1, 20),
      }),
    ),
    { maxLength: 8, selector: ({ segmentId }) => segmentId },
  ),
});

const MANIFEST: Manifest = {
  index: "demo",
  generation: 7,
  createdAtMs: 1_763_884_800_000,
  settings: {
    encoder: "onnx",
    versions: "sequence",
    encodedFields: ["title", "text"],
    idf: "blend",
    averageLength: null,
  },
  model: {
    fingerprint: "a".repeat(32),
    tables: "b".repeat(32),
    maxWeight: 3.5,
    impactBits: 8,
    averageLength: null,
  },
  segments: [
    {
      segmentId: "c".repeat(32),
      pages: 1,
      documents: 10,
      sizeBytes: 1000,
      checksum: "00c0ffee",
      tombstones: Uint32Array.of(0, 9),
    },
  ],
};

describe("encodeManifest and decodeManifest", () => {
  it("give back the same manifest", () => {
    fc.assert(
      fc.property(manifestArbitrary, (manifest) => {
        expect(decodeManifest(encodeManifest(manifest), manifest.index, "key")).toEqual(manifest);
      }),
    );
    const empty = { ...MANIFEST, model: null, segments: [] };
    expect(decodeManifest(encodeManifest(empty), "demo", "key")).toEqual(empty);
  });

  it("refuse the manifest of another index", () => {
    expect(errorCodeOf(() => decodeManifest(encodeManifest(MANIFEST), "other", "key"))).toBe(
      "page_unexpected",
    );
  });

  it("refuse to write what a reader would refuse", () => {
    const [segment] = MANIFEST.segments;
    const wrong: Manifest[] = [
      { ...MANIFEST, model: null },
      { ...MANIFEST, generation: -1 },
      { ...MANIFEST, generation: 0.5 },
      { ...MANIFEST, segments: [segment!, segment!] },
      { ...MANIFEST, segments: [{ ...segment!, segmentId: "x" }] },
      { ...MANIFEST, segments: [{ ...segment!, tombstones: Uint32Array.of(10) }] },
      { ...MANIFEST, segments: [{ ...segment!, tombstones: Uint32Array.of(3, 3) }] },
      { ...MANIFEST, segments: [{ ...segment!, pages: 0 }] },
      { ...MANIFEST, surprise: true } as Manifest,
    ];
    for (const manifest of wrong)
      expect(errorCodeOf(() => encodeManifest(manifest))).toBe("manifest_invalid");
  });

  it("hold a million tombstones in about a byte each", () => {
    const documents = 2_000_000;
    const tombstones = Uint32Array.from({ length: 1_000_000 }, (_, at) => 2 * at);
    const manifest = { ...MANIFEST, segments: [{ ...MANIFEST.segments[0]!, documents, tombstones }] };
    const value = encodeManifest(manifest);
    expect(value.length).toBeLessThan(1_001_000);
    const decoded = decodeManifest(value, "demo", "key").segments[0]!.tombstones;
    expect(decoded.length).toBe(tombstones.length);
    expect(decoded.every((ordinal, at) => ordinal === 2 * at)).toBe(true);
  });
});
