/** Whatever the writer and the merger make of random documents, the verifier finds nothing wrong with it. */
import fc from "fast-check";
import { describe, it } from "vitest";
import { mergeSegments } from "../../../../shared/format/merge-segments.ts";
import { decodeSegmentRoot } from "../../../../shared/format/segment-reader.ts";
import { encodeSegment } from "../../../../shared/format/segment-writer.ts";
import { pageKey } from "../../../../shared/storage/keys.ts";
import { expectVerified } from "../../../support/expect-verified.ts";
import { documentArbitrary, optionsArbitrary } from "../format/support.ts";
import { buildIndex, INDEX } from "../query/support.ts";
import { manifestEntry } from "./support.ts";

const plansArbitrary = fc
  .array(
    fc.record({ documents: fc.array(documentArbitrary, { maxLength: 12 }), options: optionsArbitrary }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((plans) =>
    plans.map(({ documents, options }, place) => ({
      // Ids are live once in an index; every third document is tombstoned.
      documents: documents.map((document, ordinal) => ({
        ...document,
        id: `${place}/${ordinal}/${document.id}`,
      })),
      tombstones: documents.flatMap((_, ordinal) => (ordinal % 3 === 1 ? [ordinal] : [])),
      options,
    })),
  );

describe("verifyIndex", () => {
  it("finds nothing in random indexes, nor in their merges", async () => {
    await fc.assert(
      fc.asyncProperty(plansArbitrary, optionsArbitrary, async (plans, options) => {
        const { reader, manifest } = buildIndex(plans);
        await expectVerified(reader, manifest, { withoutTables: true });

        const inputs = plans.map((plan, place) => {
          const { segmentId, tombstones } = manifest.segments[place]!;
          const { pages } = encodeSegment(segmentId, plan.documents, plan.options);
          return {
            root: decodeSegmentRoot(pages[0]!, segmentId, pageKey(INDEX, segmentId, 0)),
            pages,
            tombstones,
          };
        });
        const { segment } = mergeSegments("f".repeat(32), inputs, options);
        segment.pages.forEach((value, page) => {
          reader.values.set(pageKey(INDEX, segment.segmentId, page), value);
        });
        const merged = { ...manifest, segments: [manifestEntry(segment)] };
        await expectVerified(reader, merged, { withoutTables: true });
      }),
      { numRuns: 60 },
    );
  });
});
