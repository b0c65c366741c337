/** Tables as Markdown, for a terminal and a README alike. */

/** @param textColumns the first so many columns stand left */
export function markdownTable(
  names: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  textColumns = 1,
): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const rule = names.map((_, at) => (at < textColumns ? "---" : "---:"));
  return [line(names), line(rule), ...rows.map(line)].join("\n");
}

export function kilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(0);
}
