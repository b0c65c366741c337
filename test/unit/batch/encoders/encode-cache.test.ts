import { execFile } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decodeRecord, encodeRecord } from "../../../../batch/encoders/cache/vector-record.ts";
import { cacheEncoder } from "../../../../batch/encoders/encode-cache.ts";
import type { DocumentEncoder, EncodedDocument } from "../../../../batch/encoders/encoder.ts";
import { bundleScript } from "../../../support/bundle.ts";
import { encodeFake, FAKE_MANIFEST, FakeEncoder } from "../../../support/fake-encoder.ts";

const roots: string[] = [];
const opened: DocumentEncoder[] = [];

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "lzero-encode-cache-"));
  roots.push(root);
  return root;
}

afterEach(async () => {
  for (const encoder of opened.splice(0)) await encoder.close();
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** An encoder behind a cache as a process of its own would open it, and what it logged. */
async function open(folder: string, maxBytes?: number, fake = new FakeEncoder()) {
  const lines: { level: number; msg: string; err?: { code?: string } }[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const encoder = await cacheEncoder(fake, { folder, logger, ...(maxBytes ? { maxBytes } : {}) });
  opened.push(encoder);
  const codes = () => lines.flatMap(({ err }) => err?.code ?? []);
  return { encoder, fake, codes };
}

function vectorFiles(root: string): string[] {
  return readdirSync(root, { recursive: true })
    .map((name) => join(root, name.toString()))
    .filter((path) => path.endsWith(".vectors"))
    .sort();
}

const textsOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => `text number ${from + at}`);

describe("CachingEncoder", () => {
  it("encodes a text once, in this process and the next", async () => {
    const root = newRoot();
    const texts = textsOf(20);
    const first = await open(root);
    expect(await first.encoder.encode(texts)).toEqual(texts.map(encodeFake));
    expect(await first.encoder.encode(texts)).toEqual(texts.map(encodeFake));
    expect(first.fake.calls).toEqual([20]);
    const second = await open(root);
    expect(await second.encoder.encode([...textsOf(3, 19), ...texts])).toEqual(
      [...textsOf(3, 19), ...texts].map(encodeFake),
    );
    expect(second.fake.calls).toEqual([2]);
    expect([...first.codes(), ...second.codes()]).toEqual([]);
  });

  it("encodes equal texts of one call once and counts progress to the end", async () => {
    const { encoder, fake } = await open(newRoot());
    const seen: number[] = [];
    const results = await encoder.encode(["a b", "c", "a b", "a b"], (done) => seen.push(done));
    expect(results).toEqual(["a b", "c", "a b", "a b"].map(encodeFake));
    expect(fake.calls).toEqual([2]);
    expect(seen.at(-1)).toBe(4);
    expect(await encoder.encode([])).toEqual([]);
  });

  it("keeps no failures and leaves the others of their call alone", async () => {
    const { encoder, fake } = await open(newRoot());
    for (let round = 0; round < 2; round++) {
      const results = await encoder.encode(["fine", "POISON"]);
      expect(results[0]).toEqual(encodeFake("fine"));
      expect(results[1]).toMatchObject({ code: "text_poisonous" });
    }
    expect(fake.calls).toEqual([2, 1]);
    await expect(encoder.encode(["fine", "CRASH"])).rejects.toMatchObject({ code: "encoder_crashed" });
  });

  it("tells texts apart that are one in UTF-8", async () => {
    const { encoder, fake } = await open(newRoot());
    await encoder.encode(["a\ud800"]);
    await encoder.encode(["a\ufffd"]);
    await encoder.encode(["a\udfff"]);
    expect(fake.calls).toEqual([1, 1, 1]);
  });

  it("shares nothing with another fingerprint", async () => {
    const root = newRoot();
    const other = Object.assign(new FakeEncoder(), {
      manifest: { ...FAKE_MANIFEST, fingerprint: "f".repeat(32) },
    });
    await (await open(root)).encoder.encode(["text"]);
    await (await open(root, undefined, other)).encoder.encode(["text"]);
    expect(other.calls).toEqual([1]);
    expect(vectorFiles(root)).toHaveLength(2);
  });

  it("leaves an encoder without weights as it is", async () => {
    const root = newRoot();
    const fake = new FakeEncoder();
    const manifest = { ...FAKE_MANIFEST, identity: { ...FAKE_MANIFEST.identity, weights: null } };
    const plain = Object.assign(fake, { manifest });
    expect((await open(root, undefined, plain)).encoder).toBe(plain);
  });

  it("refuses a folder that is none", async () => {
    const file = join(newRoot(), "file");
    writeFileSync(file, "");
    await expect(open(file)).rejects.toMatchObject({ code: "encode_cache_unavailable" });
  });
});

describe("a damaged cache", () => {
  const TEXTS = textsOf(4);

  async function filled(): Promise<{ root: string; path: string; bytes: Buffer }> {
    const root = newRoot();
    await (await open(root)).encoder.encode(TEXTS);
    const [path] = vectorFiles(root);
    return { root, path: path!, bytes: readFileSync(path!) };
  }

  it("gives no wrong vector for any byte that is flipped, and says so", async () => {
    const { root, path, bytes } = await filled();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      for (const each of vectorFiles(root)) rmSync(each);
      writeFileSync(path, damaged);
      const { encoder, fake, codes } = await open(root);
      expect(await encoder.encode(TEXTS)).toEqual(TEXTS.map(encodeFake));
      expect(fake.calls).toHaveLength(1);
      expect(codes()).toEqual(["encode_cache_corrupt"]);
      await encoder.close();
    }
  });

  it("gives what lies whole before the end where a file was cut, and says so", async () => {
    const { root, path, bytes } = await filled();
    for (let length = 1; length < bytes.length; length++) {
      for (const each of vectorFiles(root)) rmSync(each);
      writeFileSync(path, bytes);
      truncateSync(path, length);
      const { encoder, fake, codes } = await open(root);
      expect(await encoder.encode(TEXTS)).toEqual(TEXTS.map(encodeFake));
      const again = fake.calls[0]!;
      // A cut between two records is no damage: they were never written.
      expect(codes().length === 0 ? again : TEXTS.length).toBeGreaterThan(0);
      expect(codes().filter((code) => code !== "encode_cache_corrupt")).toEqual([]);
      await encoder.close();
    }
  });

  it("is mended by what is encoded again", async () => {
    const { root, path, bytes } = await filled();
    const damaged = Buffer.from(bytes);
    damaged[bytes.length - 1]! ^= 0x80;
    writeFileSync(path, damaged);
    const second = await open(root);
    await second.encoder.encode(TEXTS);
    expect(second.fake.calls).toEqual([1]);
    expect(second.codes()).toEqual(["encode_cache_corrupt"]);
    const third = await open(root);
    expect(await third.encoder.encode(TEXTS)).toEqual(TEXTS.map(encodeFake));
    expect(third.fake.calls).toEqual([]);
  });

  it("misses what another process removed while this one had it in its index", async () => {
    const { root, path } = await filled();
    const second = await open(root);
    rmSync(path);
    expect(await second.encoder.encode(TEXTS)).toEqual(TEXTS.map(encodeFake));
    expect(second.fake.calls).toEqual([4]);
  });

  it("encodes on when nothing can be written", async () => {
    const root = newRoot();
    const { encoder, codes } = await open(root);
    rmSync(root, { recursive: true });
    expect(await encoder.encode(TEXTS)).toEqual(TEXTS.map(encodeFake));
    expect(codes()).toEqual(["encode_cache_write_failed"]);
  });
});

describe("a full cache", () => {
  const MAX_BYTES = 40_000;
  const sizeOf = (root: string) => vectorFiles(root).reduce((sum, path) => sum + statSync(path).size, 0);
  const longTexts = (from: number) =>
    Array.from({ length: 10 }, (_, at) =>
      Array.from({ length: 60 }, (_, word) => `w${from + at}x${word}`).join(" "),
    );

  it("stays within its size and remembers what is recent", async () => {
    const root = newRoot();
    const { encoder, fake } = await open(root, MAX_BYTES);
    for (let round = 0; round < 30; round++) {
      await encoder.encode(longTexts(round * 10));
      expect(sizeOf(root)).toBeLessThanOrEqual(MAX_BYTES);
    }
    expect(sizeOf(root)).toBeGreaterThan(MAX_BYTES / 2);
    const before = fake.calls.length;
    await encoder.encode(longTexts(290));
    expect(fake.calls.length).toBe(before);
    expect(await encoder.encode(longTexts(0))).toEqual(longTexts(0).map(encodeFake));
    expect(fake.calls.length).toBe(before + 1);
  });

  it("removes the file that was used least recently, and nothing that is not its own", async () => {
    const root = newRoot();
    const writer = await open(root, MAX_BYTES);
    await writer.encoder.encode(longTexts(0));
    await writer.encoder.close();
    const [oldest] = vectorFiles(root);
    const foreign = join(dirname(oldest!), "notes.txt");
    writeFileSync(foreign, "x".repeat(MAX_BYTES));
    const longAgo = new Date(Date.now() - 60_000);
    const old = vectorFiles(root);
    expect(old.length).toBeGreaterThan(1);
    for (const path of old) utimesSync(path, longAgo, longAgo);
    // One of them is used again: now the others are older.
    const reader = await open(root, MAX_BYTES);
    await reader.encoder.encode(longTexts(0).slice(0, 1));
    const isLeft = (path: string) => vectorFiles(root).includes(path);
    const used = old.filter((path) => statSync(path).mtimeMs > longAgo.getTime() + 1000);
    expect(used).toHaveLength(1);
    const others = Array.from({ length: 50 }, (_, at) => longTexts(10 + at * 10)).flat();
    for (let at = 0; old.every(isLeft) && at < others.length; at++)
      await reader.encoder.encode([others[at]!]);
    expect(old.every(isLeft)).toBe(false);
    expect(isLeft(used[0]!)).toBe(true);
    expect(readFileSync(foreign, "utf8")).toHaveLength(MAX_BYTES);
    expect(sizeOf(root)).toBeLessThanOrEqual(MAX_BYTES);
  });
});

describe("an encode cache of two processes", () => {
  let script: string;
  beforeAll(async () => {
    script = await bundleScript("cache-child");
  });
  afterAll(() => rm(dirname(script), { recursive: true }));

  async function runChild(root: string, from: number, to: number): Promise<number> {
    const { stdout } = await promisify(execFile)(process.execPath, [script, root, `${from}`, `${to}`]);
    return (JSON.parse(stdout) as { encoded: number }).encoded;
  }

  it("takes what both write at once, and each reads the other's next time", async () => {
    const root = newRoot();
    const encoded = await Promise.all([runChild(root, 0, 100), runChild(root, 50, 150)]);
    // Neither waits for the other: a text that both have is encoded once or twice, never less.
    expect(encoded[0]! + encoded[1]!).toBeGreaterThanOrEqual(150);
    const third = await open(root);
    expect(await third.encoder.encode(textsOf(150))).toEqual(textsOf(150).map(encodeFake));
    expect(third.fake.calls).toEqual([]);
    expect(third.codes()).toEqual([]);
    expect(await runChild(root, 0, 150)).toBe(0);
  });
});

describe("encodeRecord and decodeRecord", () => {
  it("give back every vector to the bit", () => {
    const ids = fc
      .uniqueArray(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 40 })
      .map((values) => Uint32Array.from(values).sort());
    const vector = fc
      .record({
        termIds: ids,
        ownTermIds: ids,
        tokenCount: fc.nat(),
        unseenTokens: fc.nat(),
        cutByTopK: fc.nat(),
        seed: fc.float({ min: Math.fround(1e-30), max: 100, noNaN: true }),
      })
      .map(
        ({ seed, ...rest }): EncodedDocument => ({
          ...rest,
          truncated: rest.unseenTokens > 0,
          weights: Float32Array.from(rest.termIds, (_, at) => seed / (at + 3)),
        }),
      );
    fc.assert(
      fc.property(vector, fc.uint8Array({ minLength: 16, maxLength: 16 }), (document, key) => {
        expect(decodeRecord(encodeRecord(key, document), key, "file", 0)).toEqual(document);
      }),
    );
  });

  it("refuse a record of another key", () => {
    const key = new Uint8Array(16);
    const record = encodeRecord(key, encodeFake("one two"));
    expect(() => decodeRecord(record, key.with(3, 1), "file", 7)).toThrow(
      expect.objectContaining({ code: "encode_cache_corrupt" }),
    );
  });
});
