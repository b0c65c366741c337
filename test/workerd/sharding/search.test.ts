/** A front's search against one index of all documents. */
import { beforeAll, describe, expect, it } from "vitest";
import type { SearchAnswer } from "../../../workers/search/answer-search.ts";
import { randomOf } from "../../support/random.ts";
import { MODEL, type SmallDocument, WRITE } from "../api/support.ts";
import {
  createIndex,
  JSON_TYPE,
  makeFront,
  makeWorker,
  publish,
  splitByPlace,
  type TestFront,
  type TestWorker,
} from "./support.ts";

const WORDS = ["spider", "fear", "of", "web", "star", "sky", "dog"];

function makeDocuments(seed: number, count: number): SmallDocument[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, (_, at) => {
    const words = WORDS.filter(() => random() < 0.5);
    // Few different impacts, so that ties are frequent.
    const impacts = Object.fromEntries(
      words.map((word) => [word, [1, 40, 41, 200][Math.floor(random() * 4)]!]),
    );
    return { id: `document ${seed} ${at}`, title: `T${at}`, text: `${words.join(" ")} .`, impacts };
  });
}

interface Pair {
  readonly front: TestFront;
  readonly whole: TestWorker;
  /** In both. */
  readonly index: string;
  readonly wholeIndex: string;
  /** Least generations that have everything. */
  readonly generation: string;
  readonly wholeGeneration: number;
}

/**
 * The same documents in shards and in one index, whose segments follow each other as the shards do, so that ties must
 * come in one order; some of them deleted.
 */
async function makePair(seed: number, shards: number, count: number): Promise<Pair> {
  const front = makeFront(shards);
  const whole = makeWorker();
  const index = await createIndex(front);
  const wholeIndex = await createIndex(whole);
  const documents = makeDocuments(seed, count);
  for (const [at, group] of splitByPlace(documents, shards).entries()) {
    const half = Math.ceil(group.length / 2);
    for (const part of [group.slice(0, half), group.slice(half)]) {
      await publish(front.shards[at]!, index, part);
      await publish(whole, wholeIndex, part);
    }
  }
  const random = randomOf(seed + 1);
  for (const { id } of documents.filter(() => random() < 0.1)) {
    const path = (name: string) => `/v1/indexes/${name}/documents/${encodeURIComponent(id)}`;
    expect((await front.request("DELETE", path(index), { headers: WRITE })).status).toBe(200);
    expect((await whole.request("DELETE", path(wholeIndex), { headers: WRITE })).status).toBe(200);
  }
  const status = async (worker: Pick<TestWorker, "request">, name: string) =>
    (await worker.request("GET", `/v1/indexes/${name}`)).json<{ generation: never }>();
  return {
    front,
    whole,
    index,
    wholeIndex,
    generation: (await status(front, index)).generation,
    wholeGeneration: (await status(whole, wholeIndex)).generation,
  };
}

async function search<Generation>(
  { request }: Pick<TestWorker, "request">,
  index: string,
  body: object,
): Promise<SearchAnswer<Generation>> {
  const response = await request("POST", `/v1/indexes/${index}/search`, {
    headers: JSON_TYPE,
    body: JSON.stringify(body),
  });
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}

const bothWays = async (pair: Pair, body: object): Promise<[SearchAnswer<string>, SearchAnswer]> => [
  await search<string>(pair.front, pair.index, { minGeneration: pair.generation, ...body }),
  await search<number>(pair.whole, pair.wholeIndex, { minGeneration: pair.wholeGeneration, ...body }),
];

describe.each([
  [1, 40],
  [3, 160],
  [8, 240],
  [17, 240],
])("a search of %i shards", (shards, count) => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await makePair(shards, shards, count);
  }, 120_000);

  it("equals that of one index over all documents: hits, order of ties, scores to the bit, explanations", async () => {
    const random = randomOf(shards + 100);
    for (let query = 0; query < 24; query++) {
      const words = WORDS.filter(() => random() < 0.5);
      const q = words.length === 0 ? "star" : words.join(" ");
      const k = [1, 10, 100][query % 3]!;
      const offset = k === 100 ? 0 : [0, 3, 60][Math.floor(query / 3) % 3]!;
      const [sharded, whole] = await bothWays(pair, { q, k, offset, highlight: query % 2 === 0 });
      expect(sharded.hits).toEqual(whole.hits);
      expect(sharded.exact).toBe(true);
      expect(sharded.warnings).toEqual([]);
      expect(sharded.stats.postings).toBeGreaterThan(0);
    }
  });

  it("asks each shard once, and for documents only those that hold hits", async () => {
    pair.front.calls.length = 0;
    pair.front.mostAtOnce = 0;
    const [{ hits, generation }] = await bothWays(pair, { q: "spider web", k: 3 });
    expect(hits.length).toBe(3);
    expect(generation.split(".").length).toBe(shards);
    const commands = pair.front.calls.map(({ command, place }) => `${command} ${place}`);
    const searches = commands.filter((each) => each.startsWith("search"));
    expect(new Set(searches).size).toBe(shards);
    expect(searches.length).toBe(shards);
    const describing = new Set(commands.filter((each) => each.startsWith("hits")));
    expect(commands.length).toBe(searches.length + describing.size);
    if (shards > 15) expect(describing.size).toBe(0);
    else expect(describing.size).toBeLessThanOrEqual(3);
    // Cloudflare: 32 Workers a request.
    expect(commands.length).toBeLessThanOrEqual(31);
    expect(pair.front.mostAtOnce).toBeLessThanOrEqual(6);
  });

  it("tells later shards what score still matters, and gets fewer hits", async () => {
    pair.front.calls.length = 0;
    const answers: number[] = [];
    await bothWays(pair, { q: "spider star", k: 10 });
    const least = pair.front.calls
      .filter(({ command }) => command === "search")
      .map(({ body }) => body.minScore as number);
    expect(least[0]).toBe(1);
    if (shards >= 8) {
      for (const minScore of least) answers.push(minScore);
      expect(Math.max(...answers)).toBeGreaterThan(1);
    }
    const q = "spider star";
    const ask = async (minScore: number) => {
      const shard = pair.front.shards.at(-1)!;
      const response = await shard.request("POST", `/internal/indexes/${pair.index}/shard/search`, {
        headers: pair.front.calls.find(({ place }) => place === shards)!.headers,
        body: JSON.stringify({ q, wanted: 100, minScore, describe: null }),
      });
      return (await response.json<{ hits: [string, number, number][] }>()).hits;
    };
    const all = await ask(1);
    const threshold = all[Math.floor(all.length / 2)]![2];
    expect(await ask(threshold)).toEqual(all.filter(([, , score]) => score >= threshold));
  });

  it("says what is certain when shards have budgets", async () => {
    let approximate = 0;
    for (const maxReads of [0, 1, 2]) {
      for (const q of ["spider fear web", "star", "sky dog of"]) {
        const [all] = await bothWays(pair, { q, k: 100 });
        const [part] = await bothWays(pair, { q, k: 5, maxReads });
        if (part.certificate === undefined) {
          expect(part.hits).toEqual(all.hits.slice(0, 5));
          continue;
        }
        approximate++;
        const { provenHits, maxMissedScore } = part.certificate;
        const best = new Set(all.hits.slice(0, 5).map(({ id }) => id));
        for (const { id } of part.hits.slice(0, provenHits)) expect(best.has(id)).toBe(true);
        const among = new Set(part.hits.map(({ id }) => id));
        for (const { id, score } of all.hits) {
          if (!among.has(id)) expect(score).toBeLessThanOrEqual(maxMissedScore + 1e-9);
        }
        // Without a running threshold, which would make the certificate depend on who answered first.
        const [again] = await bothWays(pair, { q, k: 5, maxReads });
        expect(again.certificate).toEqual(part.certificate);
      }
    }
    expect(approximate).toBeGreaterThan(3);
  });
});

describe("a front's search", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await makePair(77, 3, 60);
  }, 60_000);

  const get = (query: string): Promise<Response> =>
    pair.front.request("GET", `/v1/indexes/${pair.index}/search?${query}`);

  it("answers GET with a token of generations, and takes it as minGeneration", async () => {
    const response = await get(`q=spider&k=2&minGeneration=${pair.generation}`);
    expect(response.headers.get("server-timing")).toMatch(/^total;dur=\d+$/);
    const { generation, hits } = await response.json<SearchAnswer<string>>();
    expect(generation).toBe(pair.generation);
    expect(hits.length).toBe(2);
    const [first, ...rest] = generation.split(".");
    const later = await get(`q=spider&minGeneration=${[Number(first) + 1, ...rest].join(".")}`);
    expect(later.status).toBe(409);
    expect(await later.json()).toMatchObject({
      code: "generation_not_reached",
      shard: 1,
      generation: Number(first),
    });
  });

  it.each([
    ["minGeneration=1.2", "parameter_invalid"],
    ["minGeneration=7", "parameter_invalid"],
    ["minGeneration=a.b.c", "parameter_invalid"],
    ["minGeneration=1..2", "parameter_invalid"],
    ["k=0", "parameter_invalid"],
    ["k=101", "parameter_invalid"],
    ["offset=995", "parameter_invalid"],
    ["minScore=5", "parameter_unknown"],
  ])("refuses %s as %s, without asking a shard", async (parameter, code) => {
    pair.front.calls.length = 0;
    const response = await get(`q=spider&${parameter}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code });
    expect(pair.front.calls).toEqual([]);
  });

  it("says that an index is empty, and that no word is known", async () => {
    const empty = await createIndex(pair.front);
    const response = await pair.front.request("GET", `/v1/indexes/${empty}/search?q=spider`);
    expect(await response.json()).toMatchObject({
      generation: "0.0.0",
      hits: [],
      exact: true,
      warnings: [{ code: "index_empty" }],
    });
    expect(await (await get("q=zzz")).json()).toMatchObject({
      hits: [],
      warnings: [{ code: "no_known_tokens" }],
    });
  });

  it("is 404 for an index that is not there", async () => {
    const response = await pair.front.request("GET", "/v1/indexes/nowhere/search?q=spider");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "index_not_found" });
  });

  it.each([
    ["does not answer", "network", "no answer"],
    [
      "fails",
      new Response('{"code":"internal_error","detail":"x","status":500}', { status: 500 }),
      "internal_error",
    ],
    ["answers something else", new Response("<html>", { status: 200 }), "an answer of another version"],
    ["is overloaded", new Response("error code: 1102", { status: 503 }), "status 503"],
    ["has an older version", new Response('{"hits":[]}', { status: 200 }), "an answer of another version"],
    [
      "refuses the key",
      new Response('{"code":"unauthorized","detail":"x"}', { status: 401 }),
      "unauthorized",
    ],
  ] as const)("is 503 naming the shard when one %s", async (_, answer, reason) => {
    pair.front.intercept = ({ place }) =>
      place !== 2 ? null : answer === "network" ? answer : (answer.clone() as Response);
    const response = await get("q=spider");
    pair.front.intercept = () => null;
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    const problem = await response.json<{ reason: string; detail: string }>();
    expect(problem).toMatchObject({ code: "shard_unavailable", shard: 2 });
    expect(problem.reason).toContain(reason);
    expect(JSON.stringify(problem)).not.toContain("shard-key");
  });

  it("is 503 when the shard fails only as its documents are fetched", async () => {
    pair.front.intercept = ({ command }) => (command === "hits" ? "network" : null);
    const response = await get("q=spider");
    pair.front.intercept = () => null;
    expect(await response.json()).toMatchObject({ code: "shard_unavailable" });
  });

  it.each([
    ["fingerprint", { ...MODEL, fingerprint: "e".repeat(32) }],
    ["maxWeight", { ...MODEL, maxWeight: 4 }],
    ["impactBits", { ...MODEL, impactBits: 5 }],
    ["averageLength", { ...MODEL, averageLength: 12 }],
  ])("refuses shards that differ in %s", async (field, model) => {
    const index = await createIndex(pair.front);
    const [first, , third] = splitByPlace(makeDocuments(5, 30), 3);
    await publish(pair.front.shards[0]!, index, first!);
    await publish(pair.front.shards[2]!, index, third!, model);
    for (const path of [`/v1/indexes/${index}/search?q=spider`, `/v1/indexes/${index}`]) {
      const response = await pair.front.request("GET", path);
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: "shards_disagree", shards: [1, 3], field });
    }
  });

  it("shows its page", async () => {
    const page = await (await pair.front.request("GET", `/?index=${pair.index}&q=spider`)).text();
    expect(page).toContain("<mark>spider</mark>");
    expect(page).toContain(`${pair.generation}, read`);
    const landing = await (await pair.front.request("GET", `/?index=${pair.index}`)).text();
    expect(landing).toMatch(/\d+ documents to search/);
  });
});

describe("a front with more than fifteen shards", () => {
  it("answers a hundred hits deep, and refuses more by name", async () => {
    const front = makeFront(16);
    const index = await createIndex(front);
    const get = (query: string) => front.request("GET", `/v1/indexes/${index}/search?q=spider&${query}`);
    expect((await get("k=100")).status).toBe(200);
    const refused = await get("k=100&offset=1");
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: "parameter_invalid", parameter: "offset" });
  });

  it("refuses an answer that is too large to be held six times, by name", async () => {
    const front = makeFront(16);
    const index = await createIndex(front);
    const text = "x".repeat(200_000);
    front.intercept = ({ place }) =>
      place === 7 ? new Response(`"${text.repeat(22)}"`, { status: 200 }) : null;
    const response = await front.request("GET", `/v1/indexes/${index}/search?q=spider`);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "answer_too_large", shard: 7 });
  });
});
