/** Text tables for terminals: cells go in, lines come out. */

export interface Column {
  readonly name: string;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
  /** Longer cells are cut and end in "…". */
  readonly maxWidth?: number;
}

/** @param rows one cell a column */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ name }) => name), ...rows].map((row) =>
    row.map((cell, at) => cutLine(cell, columns[at]?.maxWidth ?? Number.POSITIVE_INFINITY)),
  );
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => [...row[at]!].length)));
  return cells
    .map((row) =>
      row
        .map((cell, at) => pad(cell, widths[at]!, columns[at]!.isNumber === true))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One line of at most `width` characters; control characters, which could steer the terminal, become spaces. */
export function cutLine(text: string, width: number): string {
  const characters = [...text.replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+/gu, " ")];
  return characters.length <= width ? characters.join("") : `${characters.slice(0, width - 1).join("")}…`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

function pad(cell: string, width: number, isNumber: boolean): string {
  const space = " ".repeat(width - [...cell].length);
  return isNumber ? space + cell : cell + space;
}
