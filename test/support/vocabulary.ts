/// <reference path="./raw-modules.d.ts" />
/** The vocabulary of the committed model, for tests in Node and in workerd. */
import vocabularyText from "../../batch/models/splade-tiny-l0/vocab.txt?raw";
import { Vocabulary } from "../../shared/text/vocabulary.ts";

/** bert-base-uncased, 30,522 pieces. */
export function loadVocabulary(): Vocabulary {
  return Vocabulary.parse(new TextEncoder().encode(vocabularyText));
}
