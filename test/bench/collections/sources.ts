/**
 * Where a benchmark collection's texts come from: the reference data, WordNet, and windows of both. Out: documents with
 * ids, in an order that is the same every time, and texts that may become queries. Encodes nothing.
 */
import { readdirSync } from "node:fs";
import { readCorpusFile } from "../../../batch/corpus/corpus-file.ts";
import { readLines } from "../../../batch/corpus/lines.ts";
import { readWordNet } from "../../../batch/corpus/wordnet.ts";
import { encodedText } from "../../../shared/messages/document.ts";
import { sharedPath } from "../../support/shared-data.ts";
import { randomOf, shuffled } from "./random.ts";
import { joinWindows, splitSentences, type WindowShape } from "./sentences.ts";

export interface SourceDocument {
  readonly id: string;
  /** All that is encoded of it. */
  readonly text: string;
}

export interface Source {
  readonly documents: readonly SourceDocument[];
  /** Texts that queries are chosen from. */
  readonly queryTexts: readonly string[];
  /** One sentence: what the documents are. */
  readonly madeOf: string;
  /** One sentence: what the queries are. */
  readonly queriesFrom: string;
}

export const COLLECTION_NAMES = ["scifact", "cranfield", "squad", "wordnet", "passages", "windows"] as const;
export type CollectionName = (typeof COLLECTION_NAMES)[number];

const TEST_COLLECTIONS = ["scifact", "cranfield", "squad"] as const;
const SEED = 1;
/** Mostly single sentences: the texts have no more than make about a million windows of this shape. */
const WINDOW_SHAPE: WindowShape = { chances: [0.87, 0.1, 0.03], minWords: 6 };

const REAL_QUERIES =
  "questions, claims and titles of the reference data that are no document of the collection (test sets' queries, training pairs' queries)";

export async function readSource(name: CollectionName): Promise<Source> {
  switch (name) {
    case "scifact":
    case "cranfield": {
      const documents = await readTestDocuments(name);
      return {
        documents,
        queryTexts: [...(await readTestQueries(name)), ...documents.flatMap(({ text }) => splitParts(text))],
        madeOf: `${name}, title and text, in file order`,
        queriesFrom: `the queries of ${name}, and, since these are few, sentences and clauses of its documents`,
      };
    }
    case "squad":
      return {
        documents: await readTestDocuments(name),
        queryTexts: await readTestQueries(name),
        madeOf: "squad, title and text, in file order",
        queriesFrom: "all questions of squad, training split included",
      };
    case "wordnet": {
      const synsets = await readWordNet();
      return {
        documents: synsets.map((synset) => ({
          id: synset.id,
          text: encodedText(synset, ["title", "text"]),
        })),
        queryTexts: synsets.map(({ text }) => text.split(/;|"/)[0]!),
        madeOf: "synsets of WordNet, lemmas and gloss, most used first",
        queriesFrom: "definitions, the first part of a gloss, without lemmas and examples",
      };
    }
    case "passages":
      return {
        documents: shuffled(await readPassages(), randomOf(SEED)),
        queryTexts: await readRealQueries(),
        madeOf: "test collections and passages of the training pairs, equal texts once, in random order",
        queriesFrom: REAL_QUERIES,
      };
    case "windows":
      return {
        documents: shuffled(await readWindows(), randomOf(SEED)),
        queryTexts: await readRealQueries(),
        madeOf:
          "windows of 1 to 3 sentences that do not overlap, of the passages and of WordNet's glosses, equal texts once, in random order",
        queriesFrom: REAL_QUERIES,
      };
  }
}

async function readPassages(): Promise<SourceDocument[]> {
  const documents: SourceDocument[] = [];
  for (const name of TEST_COLLECTIONS) {
    for (const { id, text } of await readTestDocuments(name)) documents.push({ id: `${name}-${id}`, text });
  }
  for (const file of trainingFiles()) {
    const name = file.split(".")[0]!;
    let at = 0;
    for await (const { passage } of readPairs(file)) documents.push({ id: `${name}-${at++}`, text: passage });
  }
  return withoutRepeated(documents);
}

async function readWindows(): Promise<SourceDocument[]> {
  const passages = await readPassages();
  const glosses = (await readWordNet()).map((synset) => ({
    id: `wordnet-${synset.id}`,
    text: encodedText(synset, ["title", "text"]),
  }));
  const random = randomOf(SEED + 1);
  return withoutRepeated(
    [...passages, ...glosses].flatMap(({ id, text }) =>
      joinWindows(splitSentences(text), WINDOW_SHAPE, random).map((window, at) => ({
        id: `${id}.${at}`,
        text: window,
      })),
    ),
  );
}

/** Questions, claims and titles of the reference data that are no document of `passages` or `windows`. */
export async function readRealQueries(): Promise<string[]> {
  const texts: string[] = [];
  for (const name of TEST_COLLECTIONS) texts.push(...(await readTestQueries(name)));
  for (const file of trainingFiles()) for await (const { query } of readPairs(file)) texts.push(query);
  return texts;
}

async function readTestDocuments(name: (typeof TEST_COLLECTIONS)[number]): Promise<SourceDocument[]> {
  return (await readRecords(name, "corpus")).map((record) => ({
    id: record.id,
    text: encodedText(record, ["title", "text"]),
  }));
}

async function readTestQueries(name: (typeof TEST_COLLECTIONS)[number]): Promise<string[]> {
  return (await readRecords(name, "queries")).map(({ text }) => text);
}

interface TextRecord {
  readonly id: string;
  readonly title?: string;
  readonly text: string;
}

async function readRecords(name: string, file: string): Promise<TextRecord[]> {
  const records: TextRecord[] = [];
  for await (const record of readCorpusFile(sharedPath("data", name, `${file}.jsonl.gz`))) {
    if ("error" in record) throw record.error;
    records.push(record.document as unknown as TextRecord);
  }
  return records;
}

function trainingFiles(): string[] {
  return readdirSync(sharedPath("data", "train")).sort();
}

async function* readPairs(
  file: string,
): AsyncGenerator<{ readonly query: string; readonly passage: string }> {
  for await (const { bytes } of readLines(sharedPath("data", "train", file))) {
    if (bytes.length > 0) yield JSON.parse(Buffer.from(bytes).toString("utf8"));
  }
}

/** Sentences, also where their full stops stand apart, and what lies between their commas and the like. */
function splitParts(text: string): string[] {
  const sentences = splitSentences(text).flatMap((sentence) => sentence.split(" . "));
  return [...sentences, ...sentences.flatMap((sentence) => sentence.split(/\s?[,;:()]+\s/))];
}

/** The first of documents with the same text, without those that have no text. */
function withoutRepeated(documents: readonly SourceDocument[]): SourceDocument[] {
  const seen = new Set<string>();
  return documents.filter(({ text }) => {
    if (text.trim() === "" || seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
