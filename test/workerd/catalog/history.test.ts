/** Generations through the internal routes and the real object: SQLite, RPC, alarm and KV. */
import { describe, expect, it, vi } from "vitest";
import type { LocatedDocument } from "../../../shared/catalog/commands.ts";
import { documentKey } from "../../../shared/catalog/document-key.ts";
import type { CompareResponse, GenerationsResponse } from "../../../shared/catalog/history-commands.ts";
import { decodeManifest } from "../../../shared/format/manifest.ts";
import { manifestKey } from "../../../shared/storage/keys.ts";
import { readCatalogConfig } from "../../../workers/catalog-config.ts";
import { env, MODEL, makeTestApp, PUBLISH, WRITE } from "../api/support.ts";

const JSON_TYPE = { "content-type": "application/json" };
const { request } = makeTestApp();

function segmentId(number: number): string {
  return number.toString(16).padStart(32, "0");
}

async function call(index: string, command: string, body: object | null, changes = {}): Promise<Response> {
  const path = `/internal/indexes/${index}/${command}`;
  if (body === null) return await request("GET", path, { headers: PUBLISH, env: changes });
  const headers = { ...PUBLISH, ...JSON_TYPE };
  return await request("POST", path, { headers, body: JSON.stringify(body), env: changes });
}

async function publish(index: string, segment: number, documents: readonly LocatedDocument[]): Promise<void> {
  const id = segmentId(segment);
  const description = { checksum: "0", pages: 1, documents: documents.length, sizeBytes: 10 };
  const steps: [string, object][] = [
    ["stage", { segmentId: id, model: MODEL, ...description }],
    ["locate", { segmentId: id, firstOrdinal: 0, documents }],
    ["commit", { segmentId: id }],
  ];
  for (const [command, body] of steps) expect((await call(index, command, body)).status).toBe(200);
}

async function makeIndex(index: string): Promise<void> {
  const headers = { ...WRITE, ...JSON_TYPE };
  await request("PUT", `/v1/indexes/${index}`, { headers, body: '{"versions":"external"}' });
  await publish(index, 1, [
    [documentKey("a"), 1, null, null],
    [documentKey("b"), 1, null, null],
  ]);
  await publish(index, 2, [[documentKey("a"), 2, null, null]]);
}

describe("generations over the internal routes", () => {
  it("are listed, compared, rolled back to and pinned, and the manifest in KV follows", async () => {
    const index = "history";
    await makeIndex(index);
    const listed = await (await call(index, "generations", null)).json<GenerationsResponse>();
    expect(listed.generations.map(({ generation, why }) => [generation, why])).toEqual([
      [0, "create"],
      [1, "publish"],
      [2, "publish"],
    ]);
    expect(await (await call(index, "compare", { of: 2, against: 1 })).json<CompareResponse>()).toEqual({
      documents: [{ segmentId: segmentId(2), ordinal: 0, version: 2, other: 1 }],
      next: null,
    });
    expect(await (await call(index, "pin", { generation: 1, pinned: true })).json()).toEqual({
      generation: 1,
      pinned: true,
      retained: true,
    });
    const rolledBack = await call(index, "rollback", { to: 1, expected: 2 });
    expect(await rolledBack.json()).toEqual({ generation: 3, replaced: 2, withheld: 0 });
    const shown = async () => {
      const value = await env.INDEX.get(manifestKey(index), "arrayBuffer");
      const manifest = decodeManifest(new Uint8Array(value!), index, "kv");
      expect(manifest.generation).toBe(3);
      return manifest;
    };
    const { segments } = await vi.waitFor(shown, { timeout: 8000, interval: 50 });
    expect(segments.map(({ segmentId: id, tombstones }) => [id, [...tombstones]])).toEqual([
      [segmentId(1), []],
    ]);
  });

  it("give their manifests, and the garbage that they keep", async () => {
    const index = "history-old";
    await makeIndex(index);
    await call(index, "rollback", { to: 1 });
    const old = await call(index, "manifest?generation=2", null);
    const { generation, segments } = decodeManifest(new Uint8Array(await old.arrayBuffer()), index, "old");
    expect([generation, segments.length, [...segments[0]!.tombstones]]).toEqual([2, 2, [0]]);
    const current = await call(index, "manifest", null);
    expect(decodeManifest(new Uint8Array(await current.arrayBuffer()), index, "new").generation).toBe(3);
    expect(await (await call(index, "garbage", { graceMs: 0 })).json()).toMatchObject({
      segments: [{ segmentId: segmentId(2), why: "replaced", keptBy: { generation: 2 } }],
    });
  });

  it("refuse what is not there, has changed, or is malformed", async () => {
    const index = "history-refused";
    await makeIndex(index);
    const after = { segmentId: segmentId(9), ordinal: 0 };
    const refused: [string, object | null, number, string][] = [
      ["rollback", { to: 9 }, 404, "generation_not_found"],
      ["rollback", { to: 1, expected: 0 }, 409, "generation_conflict"],
      ["rollback", { to: -1 }, 400, "body_invalid"],
      ["pin", { generation: 9, pinned: true }, 404, "generation_not_found"],
      ["compare", { of: 2, against: 1, after }, 400, "compare_cursor_invalid"],
      ["manifest?generation=x", null, 400, "parameter_invalid"],
      ["manifest?generation=9", null, 404, "generation_not_found"],
    ];
    for (const [command, body, status, code] of refused) {
      const response = await call(index, command, body);
      expect(await response.json(), command).toMatchObject({ code, status });
      expect(response.status).toBe(status);
    }
  });
});

describe("readCatalogConfig", () => {
  it("has defaults for everything, and takes what the variables say", () => {
    const DAY_MS = 24 * 60 * 60_000;
    expect(readCatalogConfig(env)).toMatchObject({
      generationRetentionMs: 60 * 60_000,
      maxRetainedGenerations: 100,
      queueRetentionMs: 4 * DAY_MS,
      deletionRetentionMs: 30 * DAY_MS,
      ingestRetentionMs: 30 * DAY_MS,
    });
    const changed = {
      GENERATION_RETENTION_MINUTES: "1440",
      MAX_RETAINED_GENERATIONS: "500",
      QUEUE_RETENTION_DAYS: "7",
      DELETION_RETENTION_DAYS: "60",
    };
    expect(readCatalogConfig({ ...env, ...changed })).toMatchObject({
      generationRetentionMs: DAY_MS,
      maxRetainedGenerations: 500,
      queueRetentionMs: 7 * DAY_MS,
      deletionRetentionMs: 60 * DAY_MS,
      ingestRetentionMs: 60 * DAY_MS,
    });
  });

  it.each([
    ["GENERATION_RETENTION_MINUTES", "an hour"],
    ["MAX_RETAINED_GENERATIONS", "0"],
    ["QUEUE_RETENTION_DAYS", "15"],
    ["DELETION_RETENTION_DAYS", "18"],
  ])("refuses %s = %s", (name, value) => {
    const error = expect.objectContaining({ code: "not_configured", message: expect.stringContaining(name) });
    expect(() => readCatalogConfig({ ...env, [name]: value })).toThrow(error);
  });
});
