import { describe, expect, it } from "vitest";
import { documentKey } from "../../../../shared/catalog/document-key.ts";

describe("documentKey", () => {
  it("returns the first 128 bits of SHA-256 over UTF-8", () => {
    // sha256("abc") of FIPS 180-4, and sha256("é") computed with coreutils
    expect(documentKey("abc")).toBe("ba7816bf8f01cfea414140de5dae2223");
    expect(documentKey("é")).toBe("4a99557e4033c3539de2eb65472017ca");
  });
});
