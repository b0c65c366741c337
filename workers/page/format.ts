/** Numbers as people read them. The client script formats alike (page/client/app.client.js). */

export function formatCount(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1000) return `${sizeBytes} B`;
  if (sizeBytes < 1_000_000) return `${Math.round(sizeBytes / 1000)} KB`;
  return `${(sizeBytes / 1_000_000).toFixed(1)} MB`;
}

/** "##ing" goes on after another piece. */
export function formatTerm(term: string): string {
  return term.startsWith("##") ? `…${term.slice(2)}` : term;
}

/** The API's sentences begin small: they follow a code. */
export function formatSentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
