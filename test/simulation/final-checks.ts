/** What must hold when faults are over, the queue is empty and the garbage is collected. */
import { collectGarbage } from "../../batch/publish/collector.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { decodeManifest, type Manifest } from "../../shared/format/manifest.ts";
import { queueMessageSchema } from "../../shared/messages/queue-message.ts";
import { manifestKey } from "../../shared/storage/keys.ts";
import { verifyIndex } from "../../shared/verify/verify-index.ts";
import { COLLECT_GRACE_MS, targetOf } from "./consumer-actor.ts";
import { MAX_STALE_MS } from "./faults.ts";
import { Isolate } from "./isolate-actor.ts";
import { drawWords } from "./model.ts";
import { KvPlace } from "./simulated-kv.ts";
import { Actor } from "./timeline.ts";
import { Violation } from "./violation.ts";
import { CONFIG, MINUTE_MS, type World } from "./world.ts";

/** By this much the catalog's clock may have been set back in all. */
const CLOCK_JUMPS_MS = 600 * MINUTE_MS;

export async function checkEnd(world: World): Promise<void> {
  const { truth, host } = world;
  // What is still under way ends, and every late request has arrived.
  await world.advance(2 * MINUTE_MS);
  for (const actor of [...world.actors]) world.stop(actor);
  await world.advance(CONFIG.outboxMaxBackoffMs + CONFIG.outboxConfirmMs + MAX_STALE_MS);
  truth.checkRetained(host.catalog());
  findRetainedKeys(world);
  await collectAll(world);
  truth.checkRetained(host.catalog());
  await world.advance(MAX_STALE_MS);
  const manifest = readManifest(world);
  checkWrites(world);
  checkOrphans(world);
  await checkGeneration(world, manifest);
  await checkSearches(world);
}

/** Collects as an operator would, until what was retained, leased or perhaps stored late is due too. */
async function collectAll(world: World): Promise<void> {
  const actor = new Actor("last collector");
  const { leaseMs, generationRetentionMs, deletionRetentionMs } = CONFIG;
  for (const pauseMs of [leaseMs + generationRetentionMs + COLLECT_GRACE_MS, deletionRetentionMs, 0]) {
    let isDone = false;
    await world.timeline.start(actor, () => {
      collectGarbage(targetOf(world, actor), { graceMs: COLLECT_GRACE_MS }).then(
        () => {
          isDone = true;
        },
        (error: unknown) => world.fail("collection", String(error)),
      );
    });
    if (!(await world.advance(5 * MINUTE_MS, () => isDone)))
      throw new Violation("collection", "it does not end");
    await world.advance(pauseMs + CLOCK_JUMPS_MS);
  }
}

function readManifest(world: World): Manifest {
  const key = manifestKey(world.index);
  const value = world.kv.latest(key);
  if (value === null) throw new Violation("publication", "there is no manifest");
  const manifest = decodeManifest(value, world.index, key);
  if (manifest.generation !== world.truth.generation) {
    throw new Violation(
      "publication",
      `KV shows ${manifest.generation}, the catalog is at ${world.truth.generation}`,
    );
  }
  return manifest;
}

/** Every acknowledged write came to an end that its ingest tells, and its document is at its version or a higher one. */
function checkWrites(world: World): void {
  const { truth, host } = world;
  const buried = new Set<string>();
  for (const body of world.queue.dead) {
    const { ingestId, documents } = queueMessageSchema.parse(JSON.parse(body));
    for (const { position } of documents) buried.add(`${ingestId}/${position}`);
  }
  let pending = 0;
  const ingests = new Set<string>();
  for (const [write, { id, version, poison }] of truth.writes()) {
    ingests.add(write.slice(0, write.indexOf("/")));
    const fate = truth.fateOf(write);
    if (fate === undefined && world.owed.has(write) && !(poison && buried.has(write))) {
      throw new Violation(
        "nothing lost",
        `${write} (${id} at ${version}) was acknowledged and never indexed`,
      );
    }
    if (poison && fate !== undefined && fate !== "conflict")
      throw new Violation("poison", `${write} was indexed`);
    const live = truth.live.get(documentKey(id));
    const isHidden = version <= truth.hiddenAt(documentKey(id));
    if (fate === "indexed" && live !== undefined && live < version && !isHidden) {
      throw new Violation("highest version", `${id} is at ${live}, ${version} was indexed`);
    }
  }
  for (const ingestId of ingests) {
    const status = host.catalog().ingestStatus(ingestId);
    truth.checkOutcomes(status);
    pending += status.counts.pending;
    for (const { position, outcome } of status.documents) {
      const write = `${ingestId}/${position}`;
      if (outcome === "pending" && world.owed.has(write))
        throw new Violation("truthful outcomes", `${write} is pending`);
      if (outcome === "dead" && !buried.has(write))
        throw new Violation("dead letters", `${write} is not there`);
    }
  }
  const status = host.catalog().status();
  if (status.pending !== pending) {
    throw new Violation("counts", `the catalog counts ${status.pending} pending, there are ${pending}`);
  }
  if (status.documents !== truth.live.size) {
    throw new Violation(
      "counts",
      `the catalog counts ${status.documents} documents, there are ${truth.live.size}`,
    );
  }
}

/** The pages of every retained generation, all of which must be in KV. */
function findRetainedKeys(world: World): Set<string> {
  const { host, truth, kv } = world;
  const keys = truth.retainedKeys(host.catalog());
  for (const key of keys) {
    if (kv.latest(key) === null) throw new Violation("nothing half", `${key} is not in KV`);
  }
  return keys;
}

/** KV has the manifest, query tables and the pages of the retained generations, and nothing else. */
function checkOrphans(world: World): void {
  const needed = findRetainedKeys(world).add(manifestKey(world.index));
  for (const key of world.kv.keys()) {
    if (!key.startsWith("_tables/") && !needed.has(key))
      throw new Violation("no orphan", `${key} is left in KV`);
  }
}

async function checkGeneration(world: World, manifest: Manifest): Promise<void> {
  const report = await verifyIndex({ read: async (key) => world.kv.latest(key) }, manifest);
  const [problem] = report.problems;
  if (problem !== undefined)
    throw new Violation("verify", `${problem.code} ${problem.key}: ${problem.message}`);
}

/** A new isolate sees the newest generation, whole. */
async function checkSearches(world: World): Promise<void> {
  const actor = new Actor("last isolate");
  const isolate = new Isolate(world, actor, new KvPlace());
  for (let n = 0; n < 4; n++) {
    let generation = -1;
    await world.timeline.start(actor, () => {
      isolate.search(drawWords(world.random, 4), 10).then(
        (answer) => {
          generation = answer.generation;
        },
        (error: unknown) => world.fail("searches", `the last one failed: ${String(error)}`),
      );
    });
    await world.advance(MINUTE_MS, () => generation >= 0);
    if (generation !== world.truth.generation)
      throw new Violation("publication", `a search saw generation ${generation}`);
  }
}
