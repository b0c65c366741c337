import { describe, expect, it } from "vitest";
import { Bm25Models } from "../../../../batch/consume/served-models.ts";
import { loadModelFiles } from "../../../../batch/encoders/model-files.ts";
import type { CatalogStatus } from "../../../../shared/catalog/commands.ts";
import { Vocabulary } from "../../../../shared/text/vocabulary.ts";
import { WordPieceTokenizer } from "../../../../shared/text/word-piece.ts";
import { LocalCatalog, TEST_SETTINGS } from "../../../support/local-catalog.ts";
import { COMMITTED_MODEL } from "../../../support/onnx-worker.ts";

describe("Bm25Models", async () => {
  const files = await loadModelFiles(COMMITTED_MODEL);
  const models = () => new Bm25Models(files, new WordPieceTokenizer(Vocabulary.parse(files.vocabulary)));
  const statusOf = async (index: string, changes: Partial<CatalogStatus> = {}) => ({
    ...(await new LocalCatalog(index, {}, { ...TEST_SETTINGS, encoder: "bm25" }).status()),
    ...changes,
  });

  it("measures an unbound index once and keeps to it", async () => {
    const bm25 = models();
    const status = await statusOf("a");
    const first = bm25.of(status, () => ["one two three four", "one two"]);
    expect(first.bound.binding.averageLength).toBe(3);
    expect(bm25.of(status, () => ["another text of another length"])).toBe(first);
    expect(bm25.of(await statusOf("b"), () => ["one"]).bound.binding.averageLength).toBe(1);
  });

  it("takes the length of the settings, and over it the one that the index is bound to", async () => {
    const bm25 = models();
    const settings = { ...TEST_SETTINGS, encoder: "bm25" as const, averageLength: 77 };
    const given = bm25.of(await statusOf("a", { settings }), () => ["one"]);
    expect(given.bound.binding.averageLength).toBe(77);
    const bound = { ...given.bound.binding, averageLength: 50 };
    const other = bm25.of(await statusOf("a", { settings, model: bound }), () => ["one"]);
    expect(other.bound.binding.averageLength).toBe(50);
    expect(other.bound.binding.fingerprint).not.toBe(given.bound.binding.fingerprint);
  });
});
