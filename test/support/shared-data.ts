/** Where the reference data lies, and how a test says that it was skipped for want of it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const SHARED_FOLDER = process.env.LZERO_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));

/** Path of a file of the reference data; it may not exist. */
export function sharedPath(...parts: string[]): string {
  return [SHARED_FOLDER, ...parts].join("/");
}

/** A `describe` that is skipped, with the reason in its name, when one of the needed files is absent. */
export function describeWithShared(name: string, needed: readonly string[], body: () => void): void {
  const missing = needed.filter((path) => !existsSync(sharedPath(...path.split("/"))));
  if (missing.length === 0) describe(name, body);
  else describe.skip(`${name} [skipped: reference data absent: ${missing.join(", ")}]`, body);
}
