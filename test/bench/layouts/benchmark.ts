/**
 * `npm run bench -- layouts`: the laboratory in which the layout of an index was chosen. Real lists, records and queries;
 * real codecs and searches where a layout exists, counted reads where it is only thought of; time and money from a
 * stated model (`model.ts`). README.md beside this says what was chosen and by which line.
 */
import { writeFileSync } from "node:fs";
import { loadModelFiles } from "../../../batch/encoders/model-files.ts";
import { resolveModelFolder } from "../../../batch/encoders/open-encoder.ts";
import { LzeroError } from "../../../shared/errors.ts";
import type { Benchmark, BenchmarkOptions, BenchmarkReport } from "../benchmark.ts";
import { type Lab, openLab } from "./lab.ts";
import { READ_TIMES } from "./model.ts";
import { plotOrder } from "./plot.ts";
import type { SectionReport } from "./section.ts";
import { measureBits } from "./sections/bits.ts";
import { measureBounds } from "./sections/bounds.ts";
import { measureBudgets } from "./sections/budgets.ts";
import { measureFormats, tablesBytesOf } from "./sections/formats.ts";
import { measureLayers } from "./sections/layers.ts";
import { measureOrder, type OrderRow } from "./sections/order.ts";
import { measurePacking } from "./sections/packing.ts";
import { measureScale } from "./sections/scale.ts";

const DEFAULT_QUERIES = 300;
const SECTIONS = ["order", "formats", "bits", "packing", "layers", "bounds", "budgets"] as const;
type SectionName = (typeof SECTIONS)[number];

export const benchmark: Benchmark = {
  options: {
    collections: "comma-separated names or folders of encoded collections (wordnet,windows)",
    documents: "the first so many of each only (all)",
    queries: `of each set (${DEFAULT_QUERIES})`,
    plot: "file for the picture of the section order, e.g. test/bench/layouts/document-order.svg (none)",
    sections: `comma-separated, of ${SECTIONS.join(", ")} (all)`,
  },
  run,
};

async function run(options: BenchmarkOptions): Promise<BenchmarkReport> {
  const names = (options.collections ?? "wordnet,windows").split(",");
  const documents = options.documents === undefined ? undefined : Number(options.documents);
  const sections = parseSections(options.sections);
  const reports: SectionReport[] = [];
  const orderRows: OrderRow[] = [];
  const inputs: object[] = [];
  const add = (report: SectionReport) => {
    console.error(report.title);
    reports.push(report);
  };
  // One collection at a time: a million documents with their texts take gigabytes.
  for (const name of names) {
    const lab = openLab(name, documents, Number(options.queries ?? DEFAULT_QUERIES));
    inputs.push({ name, documents: lab.documents, postings: lab.postings, model: lab.collection.meta.model });
    if (sections.includes("order")) {
      const report = measureOrder(lab);
      add(report);
      orderRows.push(...report.rows);
    }
    for (const section of sections) for (const report of await measure(section, lab)) add(report);
  }
  if (sections.includes("bits")) add(await measureBits([]));
  if (options.plot !== undefined) writeFileSync(options.plot, await plotOrder(orderRows));
  return {
    table: reports.map(({ title, text }) => `### ${title}\n\n${text}`).join("\n\n"),
    result: {
      collections: inputs,
      readTimes: READ_TIMES,
      sections: reports.map(({ title, rows }) => ({ title, rows })),
    },
  };
}

async function measure(section: SectionName, lab: Lab): Promise<SectionReport[]> {
  switch (section) {
    case "formats": {
      const { vocabulary, idf } = await loadModelFiles(resolveModelFolder(lab.collection.meta.model.name));
      const tablesBytes = tablesBytesOf(vocabulary, idf);
      const formats = await measureFormats(lab, tablesBytes);
      const { manifestBytes, cpu, decodedShare } = formats;
      return [formats, measureScale(lab, tablesBytes, manifestBytes, cpu, decodedShare)];
    }
    case "packing":
      return [measurePacking(lab)];
    case "layers":
      return [measureLayers(lab)];
    case "bounds":
      return [measureBounds(lab)];
    case "budgets":
      return [await measureBudgets([lab])];
    case "order":
    case "bits":
      return [];
  }
}

function parseSections(names: string | undefined): SectionName[] {
  if (names === undefined) return [...SECTIONS];
  return names.split(",").map((name) => {
    const known = SECTIONS.find((each) => each === name);
    if (known !== undefined) return known;
    throw new LzeroError("option_invalid", `no section "${name}": ${SECTIONS.join(", ")}`, { name });
  });
}
