/** Queries to begin with. The index `demo` is a reverse dictionary; of another index nothing is known. */

const EXAMPLES_BY_INDEX: Readonly<Record<string, readonly string[]>> = {
  demo: [
    "fear of spiders",
    "person who collects stamps",
    "unable to sleep at night",
    "sudden violent wind at sea",
    "a word that sounds like what it means",
    "study of the stars",
  ],
};

export function exampleQueries(index: string): readonly string[] {
  return EXAMPLES_BY_INDEX[index] ?? [];
}

export interface Heading {
  readonly heading: string;
  /** What to do here, in a sentence. */
  readonly lead: string;
  readonly placeholder: string;
}

/** The demo's documents are definitions: its page can say so. */
export function headingOf(index: string): Heading {
  return index === "demo"
    ? {
        heading: "Describe it. Find the word.",
        lead: "A reverse dictionary: say what a word means in words of your own, and read the words that mean it.",
        placeholder: "fear of spiders",
      }
    : {
        heading: `Search ${index} by meaning`,
        lead: "Say what you are looking for in words of your own: they need not be those of the documents.",
        placeholder: "What are you looking for?",
      };
}
