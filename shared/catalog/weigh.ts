/** Which query tables an index uses: the model's own, or a snapshot that blends in the corpus. */
import { LzeroError } from "../errors.ts";
import type { WeighRequest, WeighResponse } from "./commands.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { editGeneration, publishGeneration } from "./generations.ts";

/** Makes a generation that names other query tables; the same ones again change nothing. */
export function weigh(context: CatalogContext, request: WeighRequest): WeighResponse {
  const state = readState(context);
  const { model, tables, idf, documents } = request;
  if (state.model === null || state.model.fingerprint !== model) {
    throw new LzeroError(
      "model_mismatch",
      `the index is bound to ${state.model === null ? "no model yet" : `model ${state.model.fingerprint}`}, the tables are of ${model}`,
      { expected: state.model?.fingerprint ?? null, actual: model },
    );
  }
  const inUse = state.snapshot?.tables ?? state.model.tables;
  const snapshot = tables === state.model.tables ? null : { tables, idf, documents };
  if (inUse === tables && state.snapshot?.idf === snapshot?.idf) return { generation: state.generation };
  state.snapshot = snapshot;
  const edit = editGeneration(context, state);
  const generation = publishGeneration(context, state, edit, edit.live, { why: "idf", force: true });
  writeState(context, state);
  return { generation };
}
