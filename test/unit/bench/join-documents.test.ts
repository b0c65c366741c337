import { describe, expect, it } from "vitest";
import { joinDocuments } from "../../bench/join-documents.ts";

function documentOf(id: string, text: string, vector: Record<number, number>, own: number[]) {
  const termIds = Uint32Array.from(Object.keys(vector).map(Number));
  return {
    id,
    version: 7,
    fields: { title: null, text, url: null, metadata: null },
    termIds,
    impacts: Uint8Array.from(termIds, (termId) => vector[termId]!),
    ownTermIds: Uint32Array.from(own),
  };
}

describe("joinDocuments", () => {
  it("takes every term once, with its largest impact, in order", () => {
    const documents = [
      documentOf("a", "one", { 3: 10, 100: 200 }, [3, 100]),
      documentOf("b", "two", { 2: 5, 100: 250, 1000: 1 }, [2, 3]),
      documentOf("c", "three", { 3: 9 }, []),
    ];
    expect(joinDocuments(documents)).toEqual({
      ...documentOf("a", "one two three", { 2: 5, 3: 10, 100: 250, 1000: 1 }, [2, 3, 100]),
    });
  });

  it("leaves one document as it is", () => {
    const document = documentOf("a", "one", { 3: 10 }, [3]);
    expect(joinDocuments([document])).toBe(document);
  });
});
