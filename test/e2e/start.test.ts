/** `npm start` as a new user sees it, on a small corpus: every process of the system is the real one. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectStackVerified } from "../support/expect-verified.ts";
import { buildIfStale, CLI, isAlive, LocalStack, listDescendants } from "../support/local-stack.ts";

const LIMIT = 2000;
let folder: string;
let state: string;
let stack: LocalStack;
let url: string;

async function start(): Promise<void> {
  stack = new LocalStack(state, ["--limit", String(LIMIT)]);
  url = (await stack.waitFor(/Lzero is ready: (\S+)/))[1]!;
}

async function search(query: string): Promise<{ id: string; score: number; title: string; text: string }[]> {
  const response = await fetch(`${url}/v1/indexes/demo/search?q=${encodeURIComponent(query)}&k=3`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { hits: [] }).hits;
}

const run = (args: readonly string[], environment: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, [CLI, ...args], { env: { ...process.env, ...environment } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );

beforeAll(async () => {
  buildIfStale();
  folder = await mkdtemp(join(tmpdir(), "lzero-start-"));
  state = join(folder, "state");
  await start();
});
afterAll(async () => {
  await stack?.end("SIGTERM");
  await rm(folder, { recursive: true, force: true });
});

describe("npm start", () => {
  it("prints new keys once, into a file for its owner alone", async () => {
    const { writeKey } = JSON.parse(await readFile(join(state, "keys.json"), "utf8")) as { writeKey: string };
    expect(stack.output).toContain(writeKey);
    expect((await stat(join(state, "keys.json"))).mode & 0o777).toBe(0o600);
  });

  it("brings the whole corpus in", async () => {
    await stack.waitFor(/Corpus complete: 2,000 documents in [\d.]+ s$/m);
    const status = (await (await fetch(`${url}/v1/indexes/demo`)).json()) as Record<string, unknown>;
    expect(status).toMatchObject({ documents: LIMIT, pending: 0, settings: { encodedFields: ["text"] } });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it.each([
    ["furniture for sleeping at night", "n02821967", "bed"],
    ["a medical practitioner with a licence", "n10040615", "doctor, doc, physician, MD, Dr., medico"],
    ["a written message that is sent to a person", "n06636668", "letter, missive"],
    ["a place for Christians to worship", "n03031762", "church, church building"],
  ])("finds a word by its meaning: %s", async (query, id, title) => {
    const hits = await search(query);
    expect(hits).toContainEqual(expect.objectContaining({ id, title }));
  });

  it("answers only to its own name", async () => {
    const { request } = await import("node:http");
    const status = await new Promise((resolve, reject) => {
      request(`${url}/healthz`, { headers: { host: "evil.example" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(421);
  });

  it("refuses a second stack on the same folder, and a reset", async () => {
    for (const args of [
      ["dev", "--port", "0"],
      ["dev", "--reset"],
    ]) {
      const { code, stderr } = await run([...args, "--state", state]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("runs already") });
    }
  });

  it("says what to do when the port is in use", async () => {
    const args = ["dev", "--port", new URL(url).port, "--state", join(folder, "other")];
    const { code, stderr } = await run(args);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/in use.*--port/) });
  });
});

describe("lzero search", () => {
  it("finds the stack of its folder", async () => {
    const { code, stdout } = await run([
      "search",
      "furniture to sleep on",
      "--index",
      "demo",
      "--state",
      state,
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}\d +[\d.]+ {2}bed /m);
  });
});

describe("lzero ingest", () => {
  it("sends a file, names what was refused by line, and is searched at once", async () => {
    const file = join(folder, "words.jsonl");
    const lines = [
      JSON.stringify({ _id: "zebra", title: "Zebra", text: "a striped animal of the African savanna" }),
      "{broken",
      JSON.stringify({ id: "empty", text: " " }),
      JSON.stringify({ id: "penguin", text: "a bird of the Antarctic that swims and cannot fly" }),
    ];
    await writeFile(file, lines.join("\n"));
    const { code, stdout, stderr } = await run(["ingest", file, "--index", "words", "--state", state]);
    expect(code).toBe(1);
    expect(stdout).toContain("indexed 2");
    expect(stderr).toContain(`${file}:2: corpus_line_invalid`);
    expect(stderr).toContain(`${file}:3 (empty): text_empty`);
    const args = ["search", "flightless bird", "--index", "words", "--state", state, "--json"];
    const answer = JSON.parse((await run(args)).stdout) as { hits: { id: string }[] };
    expect(answer.hits[0]?.id).toBe("penguin");
  });
});

describe("the end of npm start", () => {
  /** Without scores, by id: a consumer's last snapshot of the IDF, or its last merge, may come between two searches. */
  async function found(query: string): Promise<unknown[]> {
    const hits = await search(query);
    return hits.map(({ score, ...hit }) => hit).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  it("leaves no process behind, and a second start finds everything", async () => {
    const before = await found("furniture to sleep on");
    const pids = listDescendants(stack.process.pid!);
    if (process.platform === "linux") expect(pids.length).toBeGreaterThanOrEqual(4);
    expect(await stack.end("SIGTERM")).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);

    await start();
    await stack.waitFor(/Corpus complete: 2,000 documents in [\d.]+ s \(all there already\)/);
    expect(stack.output).not.toContain("Keys of this stack");
    expect(await found("furniture to sleep on")).toEqual(before);
  });

  it("has left every index whole", async () => {
    await expectStackVerified(state, ["demo", "words"]);
    const { code, stdout } = await run(["verify", "--index", "demo", "--state", state, "--json"]);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, index: "demo", problems: [] });
  });

  it("leaves no process behind when the supervisor is killed", async () => {
    const pids = listDescendants(stack.process.pid!);
    await stack.end("SIGKILL");
    await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([]);
  });
});
