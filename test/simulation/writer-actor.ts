/**
 * A client that writes and deletes through what the Worker's routes do (workers/routes/documents.ts, document.ts): an
 * ingest is accepted, packed and sent, and what the queue did not take is settled or, with an Idempotency-Key, sent
 * again. What the client has to remember over a crash is in its memory, not in the actor.
 */
import type { RemoveRequest } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import { packMessages } from "../../shared/messages/pack-messages.ts";
import type { QueuedDocument } from "../../shared/messages/queue-message.ts";
import { workerClient } from "./catalog-ports.ts";
import { drawWords, POISON } from "./model.ts";
import { NetworkError } from "./network.ts";
import type { Actor } from "./timeline.ts";
import type { WrittenDocument } from "./truth.ts";
import type { World } from "./world.ts";

type Drawn = Omit<WrittenDocument, "version"> & { readonly version: number | null };

interface Request {
  readonly ingestId: string;
  readonly idempotent: boolean;
  readonly documents: readonly Drawn[];
}

export interface WriterMemory {
  readonly name: string;
  /** Operations that are still to be begun. */
  left: number;
  /** An idempotent request that has not been answered wholly. */
  unfinished: Request | null;
  /** An operation is under way. */
  isBusy: boolean;
  readonly acknowledged: string[];
  nextText: number;
}

/** Of a document: what pads the text of some runs, so that segments have several pages. */
const LARGE_TEXT_BYTES = 60_000;
const SEND_ATTEMPTS = 2;
const REMOVE_ATTEMPTS = 4;

export async function startWriter(world: World, actor: Actor, memory: WriterMemory): Promise<void> {
  const { timeline, random } = world;
  for (;;) {
    memory.isBusy = false;
    await timeline.sleep(actor, world.isQuiet ? 500 : random.between(500, world.pauseMs));
    memory.isBusy = true;
    if (memory.unfinished !== null) {
      await ignoreNetwork(world, post(world, actor, memory, memory.unfinished));
    } else if (memory.left > 0) {
      memory.left -= 1;
      await ignoreNetwork(world, operate(world, actor, memory));
    } else if (world.isQuiet) {
      memory.isBusy = false;
      return;
    }
  }
}

async function operate(world: World, actor: Actor, memory: WriterMemory): Promise<void> {
  const { random } = world;
  const choice = random.next();
  if (choice < 0.65) {
    const request = drawRequest(world, memory);
    if (request.idempotent) memory.unfinished = request;
    await post(world, actor, memory, request);
  } else if (choice < 0.85) {
    const ids = Array.from({ length: random.between(1, 2) }, () => random.pick(world.documentIds));
    const documents = [...new Set(ids)].map((id) => ({
      key: documentKey(id),
      version: world.versions === "external" ? world.nextVersion(id) : null,
      ...(random.chance(0.2) ? { ifVersion: world.drawStanding(id) ?? 1 } : {}),
    }));
    await remove(world, actor, documents);
  } else if (memory.acknowledged.length > 0) {
    await workerClient(actor, world.ports).ingestStatus(random.pick(memory.acknowledged));
  }
}

/** Perhaps under an Idempotency-Key, and then again until it is answered. */
async function remove(world: World, actor: Actor, documents: RemoveRequest["documents"]): Promise<void> {
  const { random } = world;
  const client = workerClient(actor, world.ports);
  if (random.chance(0.5)) {
    await client.remove({ documents });
    return;
  }
  const request = { documents, removal: { id: random.hex(32), digest: "removal" } };
  for (let attempt = 1; attempt <= REMOVE_ATTEMPTS; attempt++) {
    try {
      await client.remove(request);
      return;
    } catch (error) {
      if (!isLzeroError(error, "catalog_unavailable")) throw error;
    }
  }
}

function drawRequest(world: World, memory: WriterMemory): Request {
  const { random } = world;
  const documents = Array.from({ length: random.between(1, 5) }, (): Drawn => {
    const id = random.pick(world.documentIds);
    const ifVersion = random.chance(world.conditionRate) ? world.drawStanding(id) : undefined;
    const poison = random.chance(0.04);
    const words = drawWords(random, random.between(1, 8));
    const mark = `${id}/${memory.name}.${memory.nextText++}`;
    return {
      id,
      title: poison ? `${words} ${POISON}` : words,
      text: world.largeTexts && random.chance(0.5) ? mark.padEnd(LARGE_TEXT_BYTES, "·") : mark,
      version: world.versions === "external" ? world.nextVersion(id) : null,
      poison,
      ...(ifVersion === undefined ? {} : { ifVersion }),
    };
  });
  return { ingestId: random.hex(32), idempotent: random.chance(0.5), documents };
}

async function post(world: World, actor: Actor, memory: WriterMemory, request: Request): Promise<void> {
  const { index, truth, host } = world;
  const { ingestId, documents, idempotent } = request;
  const accepted = await host.call(
    actor,
    `accept ${ingestId.slice(0, 6)}`,
    (catalog) =>
      catalog.accept({
        ...{ ingestId, positions: documents.length, rejected: [], digest: ingestId },
        conditions: documents.flatMap(({ id, ifVersion }, position) =>
          ifVersion === undefined ? [] : [{ position, key: documentKey(id), ifVersion }],
        ),
      }),
    (answer) => truth.accepted(ingestId, answer, documents),
  );
  const queued = accepted.pending.map((position): QueuedDocument => {
    const { id, title, text, version: given, ifVersion } = documents[position]!;
    const version = given ?? accepted.firstVersion + position;
    return { position, version, id, title, text, ...(ifVersion === undefined ? {} : { ifVersion }) };
  });
  const envelope = { index, ingestId, acceptedAtMs: accepted.acceptedAtMs };
  const notTaken: number[] = [];
  for (const { body, positions } of packMessages(envelope, queued)) {
    if (!(await sendMessage(world, actor, body))) notTaken.push(...positions);
  }
  if (notTaken.length === 0 || !idempotent) memory.acknowledged.push(ingestId);
  if (notTaken.length === 0) memory.unfinished = null;
  const refused = new Set(notTaken);
  for (const { position } of queued) {
    const write = `${ingestId}/${position}`;
    if (!refused.has(position)) world.owed.add(write);
    else if (!idempotent) truth.refuse(write);
  }
  if (notTaken.length === 0 || idempotent) return;
  const failed = { outcome: "failed" as const, code: "queue_unavailable", message: "not taken" };
  const outcomes = notTaken.map((position) => ({ ingestId, position, ...failed }));
  await workerClient(actor, world.ports).settle({ outcomes });
}

async function sendMessage(world: World, actor: Actor, body: string): Promise<boolean> {
  for (let attempt = 1; attempt <= SEND_ATTEMPTS; attempt++) {
    try {
      await world.queue.send(actor, body);
      return true;
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
    }
  }
  return false;
}

/** A client that got no answer, or an error with a meaning, goes on with something else. */
async function ignoreNetwork(world: World, request: Promise<void>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (error instanceof NetworkError || isLzeroError(error)) {
      if (!(error instanceof LzeroError) || error.code === "catalog_unavailable") return;
    }
    world.fail(
      "typed errors",
      `a client's request threw ${error instanceof Error ? error.stack : String(error)}`,
    );
  }
}
