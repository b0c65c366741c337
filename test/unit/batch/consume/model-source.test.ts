import { describe, expect, it } from "vitest";
import { checkBinding } from "../../../../batch/consume/model-source.ts";
import type { BoundModel } from "../../../../batch/publish/publish-target.ts";
import type { CatalogStatus } from "../../../../shared/catalog/commands.ts";

const model = { binding: { fingerprint: "a".repeat(32) } } as BoundModel;
const statusOf = (fingerprint: string | null) =>
  ({ index: "news", model: fingerprint === null ? null : { fingerprint } }) as CatalogStatus;

describe("checkBinding", () => {
  it("accepts an index of the served model and one that is bound to none yet", () => {
    for (const fingerprint of [null, model.binding.fingerprint])
      expect(() => checkBinding(statusOf(fingerprint), model)).not.toThrow();
  });

  it("refuses an index of another model and says what to do", () => {
    expect(() => checkBinding(statusOf("b".repeat(32)), model)).toThrow(
      expect.objectContaining({
        code: "model_mismatch",
        message: expect.stringMatching(/start it with the model of the index, or write into a new index$/),
        details: { index: "news", expected: "b".repeat(32), actual: "a".repeat(32) },
      }),
    );
  });
});
