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

/** The demo's documents are definitions: its page can say so. */
export function headingOf(index: string): { readonly heading: string; readonly placeholder: string } {
  return index === "demo"
    ? { heading: "Describe it. Find the word.", placeholder: "fear of spiders" }
    : { heading: `Search ${index} by meaning`, placeholder: "What are you looking for?" };
}
