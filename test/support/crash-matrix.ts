/** What died, when, and what was found afterwards: a table for the test's output and for a file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const PATH = fileURLToPath(new URL("../../.cache/crash-matrix.md", import.meta.url));

interface Row {
  readonly died: string;
  readonly moment: string;
  readonly outcome: string;
  readonly seconds: number;
}

export class CrashMatrix {
  readonly #rows: Row[] = [];

  /** Runs a case; what it returns is the row's outcome. */
  async record(died: string, moment: string, run: () => Promise<string>): Promise<void> {
    const startedMs = Date.now();
    let outcome = "FAILED";
    try {
      outcome = await run();
    } finally {
      this.#rows.push({ died, moment, outcome, seconds: Math.round((Date.now() - startedMs) / 1000) });
    }
  }

  /** Prints one table of all and keeps it in `.cache/crash-matrix.md`. */
  static publish(matrices: readonly CrashMatrix[]): void {
    const rows = matrices.flatMap((matrix) => matrix.#rows);
    const cells = [
      ["What died", "When", "What was found afterwards", "Seconds"],
      ...rows.map(({ died, moment, outcome, seconds }) => [died, moment, outcome, String(seconds)]),
    ];
    const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
    const lines = cells.map(
      (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`,
    );
    lines.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
    const table = `${lines.join("\n")}\n`;
    mkdirSync(dirname(PATH), { recursive: true });
    writeFileSync(PATH, table);
    console.log(`\n${table}`);
  }
}
