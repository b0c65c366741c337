/** Stored bytes are not trusted: whatever happens to them, a decoder throws a typed error or tells the truth. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLzeroError } from "../../../../shared/errors.ts";
import { decodeManifest, encodeManifest } from "../../../../shared/format/manifest.ts";
import { encodePage, PAGE_HEADER_BYTES, PAGE_KIND, type PageKind } from "../../../../shared/format/page.ts";
import { openPostings, WINDOW_ORDINALS } from "../../../../shared/format/posting-list.ts";
import { decodeQueryTables, encodeQueryTables } from "../../../../shared/format/query-tables.ts";
import {
  decodePostingList,
  decodeSegmentPage,
  decodeSegmentRoot,
  decodeStoredDocument,
  decodeStoredOwnTermIds,
  postingListPlace,
  type SegmentRoot,
} from "../../../../shared/format/segment-reader.ts";
import { errorCodeOf, openSegment, SEGMENT_ID, sampleDocuments, sampleSegment } from "./support.ts";

const ONE_PAGE = sampleSegment();
const SEVERAL = sampleSegment({ inlineBytes: 0 });
const SEVERAL_OPEN = openSegment(SEVERAL);
const MANIFEST = encodeManifest({
  index: "demo",
  generation: 3,
  createdAtMs: 1,
  settings: {
    encoder: "bm25",
    versions: "sequence",
    encodedFields: ["text"],
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
      segmentId: SEGMENT_ID,
      pages: 1,
      documents: 500,
      sizeBytes: 9,
      checksum: "0",
      tombstones: Uint32Array.of(2, 300),
    },
  ],
});
const TABLES = encodeQueryTables({
  vocabulary: new TextEncoder().encode("[PAD]\n[UNK]\nword\n##s\n"),
  idf: Float32Array.of(1, 1, 7.5, 2.25),
  optionalTokens: Uint8Array.of(0b101),
});

interface Case {
  readonly name: string;
  readonly kind: PageKind;
  readonly value: Uint8Array;
  readonly owner: string;
  readonly page: number;
  /** Reads all that the value says. */
  open(value: Uint8Array): void;
  /** Reads all that a payload says; its checksum, where the root states one, is not looked at. */
  openPayload(payload: Uint8Array): void;
}

function readPostings(root: SegmentRoot, payload: Uint8Array): void {
  for (const entry of root.entries()) {
    if (entry.documentFrequency === 0) continue;
    const list = decodePostingList(root, () => payload, entry);
    const sums = new Int32Array(WINDOW_ORDINALS);
    openPostings(postingListPlace(root, () => payload, entry)).accumulate(0, 1, sums);
    list.ordinals.forEach((ordinal, at) => {
      expect(sums[ordinal]).toBe(list.impacts[at]);
    });
  }
}

function readDocuments(root: SegmentRoot, payload: Uint8Array): void {
  for (let ordinal = 0; ordinal < root.documents; ordinal++) {
    decodeStoredDocument(root, payload, ordinal);
    decodeStoredOwnTermIds(root, payload, ordinal);
  }
}

function openRoot(value: Uint8Array): void {
  const root = decodeSegmentRoot(value, SEGMENT_ID, "i/s/0");
  if (root.inlinePayload === null) return;
  readPostings(root, root.inlinePayload);
  readDocuments(root, root.inlinePayload);
}

function caseOf(
  name: string,
  kind: PageKind,
  value: Uint8Array,
  open: (value: Uint8Array) => void,
  openPayload?: (payload: Uint8Array) => void,
): Case {
  const owner = Buffer.from(value.subarray(8, 24)).toString("hex");
  const page = value[24]!;
  return {
    name,
    kind,
    value,
    owner,
    page,
    open,
    openPayload: openPayload ?? ((payload) => open(encodePage(kind, owner, page, payload))),
  };
}

const CASES: Case[] = [
  caseOf("the root of a segment of one page", PAGE_KIND.segmentRoot, ONE_PAGE.pages[0]!, openRoot),
  caseOf("the root of a segment of several pages", PAGE_KIND.segmentRoot, SEVERAL.pages[0]!, openRoot),
  caseOf(
    "a posting page",
    PAGE_KIND.postings,
    SEVERAL.pages[1]!,
    (value) => readPostings(SEVERAL_OPEN.root, decodeSegmentPage(SEVERAL_OPEN.root, value, 1)),
    (payload) => readPostings(SEVERAL_OPEN.root, payload),
  ),
  caseOf(
    "a document page",
    PAGE_KIND.documents,
    SEVERAL.pages[2]!,
    (value) => readDocuments(SEVERAL_OPEN.root, decodeSegmentPage(SEVERAL_OPEN.root, value, 2)),
    (payload) => readDocuments(SEVERAL_OPEN.root, payload),
  ),
  caseOf("a manifest", PAGE_KIND.manifest, MANIFEST, (value) => {
    decodeManifest(value, "demo", "demo/manifest");
  }),
  caseOf("query tables", PAGE_KIND.queryTables, TABLES.value, (value) => {
    decodeQueryTables(value, TABLES.fingerprint, "_tables/x");
  }),
];

const TYPED = /^(page_(truncated|corrupt|unexpected|version_newer)|ordinal_out_of_range)$/;

/** Passes on anything but success and the errors of corruption. */
function mustBeTypedOrFine(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (isLzeroError(error) && TYPED.test(error.code)) return false;
    throw error;
  }
}

describe.each(CASES)("damage to $name", ({ kind, value, owner, page, open, openPayload }) => {
  const payload = value.subarray(PAGE_HEADER_BYTES);

  it("is not there to begin with", () => {
    open(value);
    openPayload(payload);
  });

  it("is found when the value is cut at any byte", () => {
    for (let length = 0; length < value.length; length++) {
      const code = errorCodeOf(() => open(value.slice(0, length)));
      expect(`${length} ${code}`).toBe(`${length} page_truncated`);
    }
  });

  it("is found when bytes follow", () => {
    expect(errorCodeOf(() => open(Uint8Array.of(...value, 0)))).toBe("page_corrupt");
  });

  it("is found when any bit of any byte is flipped", () => {
    for (let at = 0; at < value.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = value.slice();
        flipped[at] = flipped[at]! ^ (1 << bit);
        expect(errorCodeOf(() => open(flipped))).toMatch(TYPED);
      }
    }
  });

  it("names the key and the offset", () => {
    const flipped = value.slice();
    flipped[value.length - 1] = flipped[value.length - 1]! ^ 1;
    expect(() => open(flipped)).toThrowError(
      expect.objectContaining({
        details: expect.objectContaining({
          key: expect.stringMatching(/./),
          offset: 32,
          expected: expect.anything(),
          actual: expect.anything(),
        }),
      }),
    );
  });

  it("never causes anything but a typed error when the checksum is made to fit a payload cut anywhere", () => {
    for (let length = 0; length < payload.length; length++) {
      expect(mustBeTypedOrFine(() => openPayload(payload.slice(0, length)))).toBe(false);
    }
  });

  it("never causes anything but a typed error when the checksum is made to fit any changed byte", () => {
    for (let at = 0; at < payload.length; at++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0xff, payload[at]! ^ 1, (payload[at]! + 1) & 0xff]) {
        const changed = payload.slice();
        changed[at] = byte;
        mustBeTypedOrFine(() => openPayload(changed));
      }
    }
  });

  it("never causes anything but a typed error when the payload is noise, or has noise spliced in", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(payload.length),
        fc.nat(payload.length),
        (noise, start, cut) => {
          mustBeTypedOrFine(() => open(noise));
          mustBeTypedOrFine(() => open(encodePage(kind, owner, page, noise)));
          mustBeTypedOrFine(() => openPayload(noise));
          const spliced = Uint8Array.of(...payload.subarray(0, start), ...noise, ...payload.subarray(cut));
          mustBeTypedOrFine(() => openPayload(spliced));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("damage to the counts of a root", () => {
  it("is found before anything is allocated by them", () => {
    // Not the size of large lists at 20, by which nothing is allocated.
    for (const field of [0, 4, 8, 12, 16, 24, 28, 32, 36]) {
      for (const value of [ONE_PAGE.pages[0]!, SEVERAL.pages[0]!]) {
        for (const byte of [0x0f, 0x7f, 0xff]) {
          const payload = value.slice(PAGE_HEADER_BYTES);
          payload[field + 3] = byte;
          expect(errorCodeOf(() => openRoot(encodePage(PAGE_KIND.segmentRoot, SEGMENT_ID, 0, payload)))).toBe(
            "page_corrupt",
          );
        }
      }
    }
  });
});

describe("a page of a segment", () => {
  it("is refused in the place of another, of the same or another segment", () => {
    const options = { inlineBytes: 0, documentPageBytes: 1 };
    const segment = sampleSegment(options);
    const { root } = openSegment(segment);
    expect(errorCodeOf(() => decodeSegmentPage(root, segment.pages[3]!, 2))).toBe("page_unexpected");
    expect(errorCodeOf(() => decodeSegmentPage(root, segment.pages[2]!, 1))).toBe("page_unexpected");
    expect(errorCodeOf(() => decodeSegmentPage(root, SEVERAL.pages[2]!, 2))).toBe("page_corrupt");
    expect(errorCodeOf(() => decodeSegmentPage(root, segment.pages[2]!, 99))).toBe("page_out_of_range");
    expect(sampleDocuments()).toHaveLength(root.documents);
  });
});
