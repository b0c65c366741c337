/** `lzero verify --catalog` and `--kept` against the pure catalog and a store in memory. */
import { beforeEach, describe, expect, it } from "vitest";
import type { HistoryPort } from "../../../../batch/catalog-port.ts";
import { runVerify, type VerifyCommandOptions } from "../../../../batch/commands/verify.ts";
import { DEFAULT_MERGE_POLICY } from "../../../../batch/publish/merge-policy.ts";
import { Merger } from "../../../../batch/publish/merger.ts";
import { Publisher } from "../../../../batch/publish/publisher.ts";
import { MemoryStore } from "../../../../batch/storage/memory-store.ts";
import { documentKey } from "../../../../shared/catalog/document-key.ts";
import { LzeroError } from "../../../../shared/errors.ts";
import { manifestKey, pageKey } from "../../../../shared/storage/keys.ts";
import { encodeFake, fakeBoundModel } from "../../../support/fake-encoder.ts";
import { LocalCatalog } from "../../../support/local-catalog.ts";

const model = fakeBoundModel();

describe("lzero verify with the catalog", () => {
  let catalog: LocalCatalog;
  let store: MemoryStore;
  let printed: string[];
  beforeEach(async () => {
    catalog = new LocalCatalog("demo");
    store = new MemoryStore();
    printed = [];
    for (const name of ["a", "b", "c"]) await add(name);
    await new Merger({ policy: { ...DEFAULT_MERGE_POLICY, maxLive: 1 }, clusterFromDocuments: 1 }).mergeOnce({
      index: "demo",
      catalog,
      store,
    });
    await add("d");
    await catalog.putManifest(store);
  });

  /** Twenty documents of their own and one that every call overwrites. */
  async function add(name: string): Promise<void> {
    const own = Array.from({ length: 20 }, (_, at) => ({ id: `${name}${at}`, text: `${name} number ${at}` }));
    const { ingestId, documents } = catalog.accept([...own, { id: "shared", text: `by ${name}` }]);
    await new Publisher().publish(
      { index: "demo", catalog, store },
      model,
      documents.map(({ position, version, id, text }) => ({
        ingestId,
        position,
        version,
        id,
        fields: { title: null, text, url: null, metadata: null },
        vector: encodeFake(text),
      })),
    );
  }

  async function verify(
    options: Partial<VerifyCommandOptions>,
    port: Pick<HistoryPort, "generations" | "manifest" | "located"> = catalog,
  ): Promise<number> {
    printed = [];
    return await runVerify(
      { index: "demo", state: "none", ...options },
      { openReader: async () => store, print: (text) => printed.push(text), openCatalog: async () => port },
    );
  }
  const problems = (report: { problems: { code: string; key: string }[] }) =>
    report.problems.map(({ code, key }) => [code, key]);

  it("finds every document where the catalog has it, and every kept generation whole", async () => {
    expect(await verify({ catalog: true, kept: true })).toBe(0);
    expect(printed[0]).toContain("Whole: every page was read and everything agrees.");
    expect(printed[0]).toContain("KV shows this generation; 84 documents, each where the catalog has it.");
    expect(printed[0]).toContain(
      "5 of 5 older generations whole, with 3 segments that the current one has not.",
    );
  });

  it("reads a segment of several generations once", async () => {
    const reads: string[] = [];
    const { read } = store;
    store.read = async (key) => {
      reads.push(key);
      return await read.call(store, key);
    };
    expect(await verify({ kept: true })).toBe(0);
    const pages = reads.filter((key) => /^demo\/[0-9a-f]{32}\//.test(key));
    expect(pages.length).toBe(new Set(pages).size);
  });

  it("names what is wrong with a generation that could be rolled back to", async () => {
    const { segmentId } = (await catalog.manifest(2)).segments[0]!;
    await store.delete([pageKey("demo", segmentId, 0)]);
    expect(await verify({})).toBe(0);
    expect(await verify({ kept: true, json: true })).toBe(1);
    const report = JSON.parse(printed[0]!);
    expect(report.current.problemCount).toBe(0);
    expect(
      report.older.filter(({ problemCount }: { problemCount: number }) => problemCount > 0),
    ).toHaveLength(1);
    await verify({ kept: true });
    expect(printed[0]).toContain("4 of 5 older generations whole");
    expect(printed[0]).toContain("page_missing");
  });

  it("leaves out a generation that is collected meanwhile", async () => {
    const { segmentId } = (await catalog.manifest(2)).segments[0]!;
    await store.delete([pageKey("demo", segmentId, 0)]);
    let asked = 0;
    const port = {
      generations: () => catalog.generations(),
      located: (request: unknown) => catalog.located(request),
      manifest: async (generation?: number) => {
        const segments = generation === undefined ? [] : (await catalog.manifest(generation)).segments;
        // It is there when it is begun, and gone when its page is missed.
        if (segments.some((segment) => segment.segmentId === segmentId) && ++asked > 1) {
          throw new LzeroError("generation_not_found", "collected");
        }
        return await catalog.manifest(generation);
      },
    };
    expect(await verify({ kept: true, json: true }, port)).toBe(0);
  });

  it("finds a catalog that is wrong about a place or a version", async () => {
    const { segmentId } = (await catalog.manifest()).segments[0]!;
    const port = {
      generations: () => catalog.generations(),
      manifest: (generation?: number) => catalog.manifest(generation),
      located: async (request: { segmentId: string; firstOrdinal: number }) => {
        const { documents } = await catalog.located(request);
        if (request.segmentId !== segmentId) return { documents };
        const [first, second, ...rest] = documents;
        return { documents: [second!, first!, ...rest.slice(0, -1), { ...rest.at(-1)!, version: 999 }] };
      },
    };
    expect(await verify({ catalog: true, json: true }, port)).toBe(1);
    const { catalog: report } = JSON.parse(printed[0]!);
    expect(report.problemCount).toBe(3);
    expect(report.problems.map(({ code }: { code: string }) => code)).toEqual(
      new Array(3).fill("catalog_disagrees"),
    );
    await verify({ catalog: true }, port);
    expect(printed[0]).toMatch(/Catalog: .*3 problems:/);
  });

  it("finds a catalog that has fewer documents of a segment than its pages", async () => {
    const port = {
      generations: () => catalog.generations(),
      manifest: (generation?: number) => catalog.manifest(generation),
      located: async (request: { segmentId: string; firstOrdinal: number }) => ({
        documents: request.firstOrdinal > 0 ? [] : (await catalog.located(request)).documents.slice(0, 5),
      }),
    };
    expect(await verify({ catalog: true, json: true }, port)).toBe(1);
    expect(JSON.parse(printed[0]!).catalog.problems[0].message).toContain(
      "the catalog has 5 documents of segment",
    );
  });

  it("takes a manifest that KV shows late for no problem, and another one of the same number for one", async () => {
    const before = (await store.read(manifestKey("demo")))!;
    catalog.catalog.remove({ documents: [{ key: documentKey("d3"), version: null }] });
    expect(await verify({ catalog: true })).toBe(0);
    expect(printed[0]).toContain("KV still shows generation 5");
    const other = new LocalCatalog("demo");
    for (let at = 0; at < 5; at++)
      other.catalog.create({ ...other.catalog.status().settings, idf: at % 2 ? "blend" : "corpus" });
    await other.putManifest(store);
    expect(await verify({ catalog: true, json: true })).toBe(1);
    expect(problems(JSON.parse(printed[0]!).catalog)).toEqual([["catalog_disagrees", manifestKey("demo")]]);
    await store.delete([manifestKey("demo")]);
    expect(await verify({ catalog: true, json: true })).toBe(1);
    await store.write([{ key: manifestKey("demo"), value: before }]);
    catalog.nowMs += 2 * 60 * 60_000;
    await add("e");
    expect(await verify({ catalog: true, json: true })).toBe(1); // KV is hours behind
  });
});
