/** What `npm run bench -- peers` can run, how, and why it cannot where it cannot. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageRoot } from "../../../batch/encoders/open-encoder.ts";
import { isPeerInstalled, peerPython } from "./peer-packages.ts";

export interface Contender {
  readonly name: string;
  /** Program and arguments; the collection's folder and the budget in seconds come behind. */
  readonly command: readonly string[];
  /** Files below the folder of kept indexes: when they are there, nothing is built. */
  readonly cached: readonly string[];
  /** About how long a million postings take to build and to load, on the machine of the README's figures. */
  readonly secondsPerMillionPostings: { readonly build: number; readonly load: number };
  /** Larger collections are left to the others: building would take hours. */
  readonly maxDocuments?: number;
  readonly missing: string | null;
}

/** Texts and their words as objects of JavaScript take gigabytes. */
const NODE_OPTIONS = ["--max-old-space-size=16000"];

export function listContenders(): Contender[] {
  const node = (name: string) => [
    process.execPath,
    ...NODE_OPTIONS,
    // Bundled beside the program that runs.
    join(dirname(process.argv[1]!), "peer-process.js"),
    name,
  ];
  const python = (script: string) => [peerPython(), join(packageRoot(), "test/bench/peers", script)];
  const npm = (name: string) => (isPeerInstalled(name) ? null : `npm package ${name} is not installed`);
  return [
    {
      name: "forty-lines",
      command: node("forty-lines"),
      cached: [],
      secondsPerMillionPostings: { build: 0.1, load: 0.1 },
      missing: null,
    },
    ...["lzero-8", "lzero-5"].map((name) => ({
      name,
      command: node(name),
      cached: [],
      secondsPerMillionPostings: { build: 0.3, load: 0.3 },
      missing: null,
    })),
    {
      name: "seismic",
      command: python("seismic_peer.py"),
      cached: ["seismic/raw-3500-0.1-2-0.4-6-15.seconds", "seismic/dotvbyte-3500-0.1-2-0.4-6-15.seconds"],
      secondsPerMillionPostings: { build: 10, load: 0.2 },
      missing: pythonLacks("seismic"),
    },
    {
      name: "bmp",
      command: python("bmp_peer.py"),
      cached: ["bmp/blocks-8.seconds", "bmp/blocks-16.seconds", "bmp/blocks-32.seconds"],
      secondsPerMillionPostings: { build: 4, load: 0.3 },
      missing: pythonLacks("bmp"),
    },
    {
      name: "fts5",
      command: python("fts5_peer.py"),
      cached: ["fts5/index.seconds"],
      secondsPerMillionPostings: { build: 1.2, load: 0.05 },
      missing: pythonLacks("sqlite3"),
    },
    {
      name: "minisearch",
      command: node("minisearch"),
      cached: [],
      secondsPerMillionPostings: { build: 2, load: 2 },
      missing: npm("minisearch"),
    },
    {
      name: "edgevec",
      command: node("edgevec"),
      cached: [],
      secondsPerMillionPostings: { build: 0.5, load: 0.5 },
      missing: npm("edgevec"),
    },
    {
      name: "zvec-flat",
      command: node("zvec-flat"),
      cached: ["zvec/flat.seconds"],
      secondsPerMillionPostings: { build: 4, load: 0.1 },
      missing: npm("@zvec/zvec"),
    },
    {
      name: "zvec-hnsw",
      command: node("zvec-hnsw"),
      cached: ["zvec/hnsw.seconds"],
      secondsPerMillionPostings: { build: 60, load: 0.1 },
      maxDocuments: 50_000,
      missing: npm("@zvec/zvec"),
    },
  ];
}

function pythonLacks(module: string): string | null {
  if (!existsSync(peerPython())) return "there is no .venv-bench";
  const needed = `numpy, ${module}`;
  const { status } = spawnSync(peerPython(), ["-c", `import ${needed}`]);
  return status === 0 ? null : `.venv-bench lacks ${needed}`;
}
