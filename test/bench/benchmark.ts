/** What a benchmark is to the dispatcher, `npm run bench`: its options, and a run that leaves a table and a result. */

export interface BenchmarkReport {
  /** For people, on standard output. */
  readonly table: string;
  /** For the results file: what was measured, and on what input. Machine, commit and command are added to it. */
  readonly result: Readonly<Record<string, unknown>>;
}

export type BenchmarkOptions = Readonly<Record<string, string | undefined>>;

export interface Benchmark {
  /** Names of the options, each with a value, and what they say; `out` and `help` are there for all. */
  readonly options: Readonly<Record<string, string>>;
  readonly run: (options: BenchmarkOptions) => Promise<BenchmarkReport>;
}
