/** The last line of every integration test: whatever happened, the index that is left is whole. */
import { expect } from "vitest";
import { openPageStore } from "../../batch/inspect/open-store.ts";
import type { Manifest } from "../../shared/format/manifest.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import {
  readManifest,
  type VerifyReport,
  verifyCurrent,
  verifyIndex,
} from "../../shared/verify/verify-index.ts";

export interface ExpectOptions {
  /** For tests that store no query tables: findings about them alone are left out. */
  readonly withoutTables?: boolean;
}

/** Verifies every page of a generation. @param manifest a generation, or an index's name for the one in the store */
export async function expectVerified(
  reader: PageReader,
  manifest: Manifest | string,
  { withoutTables = false }: ExpectOptions = {},
): Promise<VerifyReport> {
  const generation = typeof manifest === "string" ? await readManifest(reader, manifest) : manifest;
  const report = await verifyIndex(reader, generation);
  const problems = report.problems.filter(({ key }) => !(withoutTables && key.startsWith("_tables/")));
  expect(problems).toEqual([]);
  return report;
}

/** Verifies indexes of the stack that runs on a state folder: it is asked as the command line asks it. */
export async function expectStackVerified(state: string, indexes: readonly string[]): Promise<void> {
  const store = await openPageStore({ state }, {});
  for (const index of indexes) {
    const report = await verifyCurrent(store, index);
    expect(report.problems, index).toEqual([]);
    // An index without a document would pass whatever happened.
    expect(report.postings, index).toBeGreaterThan(0);
  }
}
