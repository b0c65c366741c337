/**
 * Impact bits: NDCG@10 on the judged collections and bytes of a posting in the real codec, impacts made anew of the
 * weights as publishing would have made them.
 */
import type { BenchCollection } from "../../collections/read-collection.ts";
import { invert } from "../../peers/inverted-lists.ts";
import { requantize } from "../../peers/lzero.ts";
import { JUDGED, openJudged } from "../judged.ts";
import { type Lab, listLengths } from "../lab.ts";
import { markdownTable } from "../markdown.ts";
import type { SectionReport } from "../section.ts";

const BITS = [8, 6, 5, 4];

export async function measureBits(labs: readonly Lab[]): Promise<SectionReport> {
  const judged = await Promise.all(JUDGED.map(openJudged));
  const rows = BITS.map((bits) => ({
    bits,
    ndcg: Object.fromEntries(
      judged.map(({ name, collection, ndcg }) => [name, ndcg(impactsOf(collection, bits))]),
    ),
    bytesPerPosting: Object.fromEntries(
      [...judged, ...labs].map(({ name, collection }) => [name, bytesPerPosting(collection, bits)]),
    ),
  }));
  const base = rows[0]!;
  const names = judged.map(({ name }) => name);
  const all = Object.keys(base.bytesPerPosting);
  return {
    title: "Impact bits",
    text: markdownTable(
      [
        "bits",
        ...names.flatMap((name) => [`NDCG@10 ${name}`, "change"]),
        ...all.map((name) => `bytes ${name}`),
      ],
      rows.map(({ bits, ndcg, bytesPerPosting }) => [
        bits,
        ...names.flatMap((name) => [ndcg[name]!.toFixed(4), (ndcg[name]! - base.ndcg[name]!).toFixed(4)]),
        ...all.map((name) => bytesPerPosting[name]!.toFixed(3)),
      ]),
    ),
    rows,
  };
}

export function impactsOf({ impacts, weights, meta }: BenchCollection, bits: number): Uint8Array {
  return bits === 8 ? impacts : requantize(weights, meta.maxWeight, bits);
}

function bytesPerPosting(collection: BenchCollection, bits: number): number {
  const lists = invert({ ...collection, impacts: impactsOf(collection, bits) });
  return listLengths(lists).reduce((sum, each) => sum + each, 0) / lists.ordinals.length;
}
