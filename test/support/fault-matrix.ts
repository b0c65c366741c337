/** What was broken, how, and what was found: a table for a test's output and for a file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

interface Row {
  readonly part: string;
  readonly fault: string;
  readonly outcome: string;
}

export class FaultMatrix {
  readonly #rows: Row[] = [];
  readonly #path: string;

  /** @param name of the file in `.cache`, without its ending */
  constructor(name: string) {
    this.#path = fileURLToPath(new URL(`../../.cache/${name}.md`, import.meta.url));
  }

  /** Runs a case; what it returns is the row's outcome. */
  async record(part: string, fault: string, run: () => Promise<string> | string): Promise<void> {
    const startedMs = Date.now();
    let outcome = "FAILED";
    try {
      outcome = await run();
    } finally {
      const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
      this.#rows.push({ part, fault, outcome: `${outcome} (${seconds} s)` });
    }
  }

  /** Prints the table and keeps it in a file. */
  publish(): void {
    const cells = [
      ["What", "Fault", "What was found"],
      ...this.#rows.map(({ part, fault, outcome }) => [part, fault, outcome]),
    ];
    const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
    const lines = cells.map(
      (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`,
    );
    lines.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
    const table = `${lines.join("\n")}\n`;
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, table);
    console.log(`\n${table}`);
  }
}
