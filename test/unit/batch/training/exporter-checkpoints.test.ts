/** Runs the exporter's own tests: graphs of small random checkpoints against numpy, and what is refused. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeUnless, exporterPython, NO_PYTHON } from "../../../support/exporter-python.ts";

describeUnless("exporter_tests", [NO_PYTHON], () => {
  it("pass", () => {
    const folder = fileURLToPath(new URL("../../../../batch/training/exporter_tests", import.meta.url));
    const run = spawnSync(exporterPython!, ["-m", "unittest", "discover", "-s", folder], {
      encoding: "utf8",
    });
    expect(run.stderr).toMatch(/^Ran [1-9]\d* tests/m);
    expect(run.stderr).toMatch(/^OK/m);
    expect(run.status).toBe(0);
  }, 120_000);
});
