/** Questions to a person at a terminal. */
import { createInterface } from "node:readline/promises";
import { LzeroError } from "../../shared/errors.ts";

/** @returns null when there is nobody to be asked */
export function openConfirm(): ((question: string) => Promise<boolean>) | null {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return null;
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^(y|yes)$/i.test((await terminal.question(`${question} [y/N] `)).trim());
    } finally {
      terminal.close();
    }
  };
}

/**
 * How a command that must be confirmed asks: not at all with --yes, else a person.
 * @throws LzeroError `confirmation_needed` when there is nobody
 */
export function requireConfirm(
  isConfirmed: boolean,
  confirm: ((question: string) => Promise<boolean>) | null,
): ((question: string) => Promise<boolean>) | null {
  if (isConfirmed) return null;
  if (confirm !== null) return confirm;
  throw new LzeroError(
    "confirmation_needed",
    "this changes what readers see and there is no terminal to ask at: give --yes",
  );
}
