/** `lzero compare`: whether two runs on a test collection differ by more than chance. */
import { type Command, InvalidArgumentError } from "commander";
import { readJudgements } from "../eval/beir.ts";
import { compareRuns } from "../eval/compare-runs.ts";
import { formatComparison } from "../eval/format-comparison.ts";
import { DEFAULT_PERMUTATIONS, LEAST_PERMUTATIONS } from "../eval/paired-test.ts";
import { rankingsOf, readRun } from "../eval/trec-run.ts";
import { parseCount } from "./dev.ts";

export interface CompareOptions {
  readonly data: string;
  readonly split: string;
  readonly permutations: number;
  readonly seed: number;
  readonly json?: boolean;
}

const EXAMPLES = `
A run is a TREC run file, plain or .gz; "lzero eval --run FILE" writes one. Differences are A minus B; a win is a query
on which A is better.

Examples:
  $ lzero eval --data ./scifact --run l0.trec
  $ lzero eval --data ./scifact --encoder bm25 --idf corpus --run bm25.trec
  $ lzero compare --data ./scifact l0.trec bm25.trec`;

export function register(program: Command): void {
  program
    .command("compare")
    .summary("say whether two runs differ by more than chance")
    .description(
      "Measures two TREC run files on a test collection, query by query, and tests the differences of NDCG@10, Recall@100 and MRR@10 by paired randomisation, two-sided.",
    )
    .argument("<run-a>", "TREC run file")
    .argument("<run-b>", "TREC run file")
    .requiredOption("--data <dir>", "folder of the collection, in BEIR's layout")
    .option("--split <name>", "judgements to use: qrels/<name>.tsv", "test")
    .option("--permutations <n>", "at least 10,000", parsePermutations, DEFAULT_PERMUTATIONS)
    .option("--seed <n>", "the same seed gives the same p-values", parseCount, 1)
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action((runA: string, runB: string, options: CompareOptions) =>
      runCompare(runA, runB, options, (text) => console.log(text)),
    );
}

/** @throws LzeroError `run_invalid`, `runs_disjoint`, `collection_invalid`, `corpus_unreadable` */
export async function runCompare(
  pathA: string,
  pathB: string,
  options: CompareOptions,
  print: (text: string) => void,
): Promise<void> {
  const { qrels } = await readJudgements(options.data, options.split);
  const a = rankingsOf(await readRun(pathA));
  const b = rankingsOf(await readRun(pathB));
  const comparison = compareRuns(qrels, a, b, options);
  print(
    options.json
      ? JSON.stringify({ runA: pathA, runB: pathB, seed: options.seed, ...comparison }, null, 2)
      : `A ${pathA}\nB ${pathB}\n${formatComparison(comparison)}`,
  );
}

function parsePermutations(text: string): number {
  const count = parseCount(text);
  if (count < LEAST_PERMUTATIONS) throw new InvalidArgumentError(`At least ${LEAST_PERMUTATIONS}.`);
  return count;
}
