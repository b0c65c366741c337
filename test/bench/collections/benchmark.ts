/** `npm run bench -- collections`: makes what other benchmarks read, and says what it is like. */
import { LzeroError } from "../../../shared/errors.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "../benchmark.ts";
import { buildCollection } from "./build-collection.ts";
import { formatMeta } from "./format-meta.ts";
import { COLLECTION_NAMES, type CollectionName } from "./sources.ts";

export const benchmark: Benchmark = {
  options: {
    names: `comma-separated, of ${COLLECTION_NAMES.join(", ")} (scifact)`,
    documents: "at most so many documents (all)",
    until: "begin no chunk of documents after this time, e.g. 2026-11-23T13:10 (none)",
    as: "name of what is written, for a part of a collection beside the whole (its own)",
    model: "model name or folder (the default model)",
  },
  run,
};

async function run(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const metas = [];
  for (const name of parseNames(options.names ?? "scifact")) {
    const meta = await buildCollection(name, {
      model: options.model,
      as: options.as,
      documents: Number(options.documents ?? Number.POSITIVE_INFINITY),
      until: options.until === undefined ? null : new Date(options.until),
    });
    metas.push(meta);
  }
  return { table: metas.map(formatMeta).join("\n\n"), result: { collections: metas } };
}

/** @throws LzeroError `option_invalid` */
function parseNames(names: string): CollectionName[] {
  return names.split(",").map((name) => {
    const known = COLLECTION_NAMES.find((each) => each === name);
    if (known !== undefined) return known;
    throw new LzeroError("option_invalid", `no collection "${name}": ${COLLECTION_NAMES.join(", ")}`, {
      name,
    });
  });
}
