/**
 * One stack at a time on a state folder. The lock names its owner and the process groups that the owner started, so
 * that whoever comes after a kill can tell a running stack from a dead one and put an end to what it left behind.
 */
import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LzeroError } from "../../shared/errors.ts";
import { isRunning, killGroup, listGroup, markProcess, type ProcessMark } from "./processes.ts";

const markSchema = z.object({ pid: z.int().positive(), startedAt: z.string() });
const lockSchema = z.object({
  owner: markSchema,
  url: z.string().nullable(),
  /** KV's REST endpoints and the names there; null until they answer. */
  kv: z
    .object({ baseUrl: z.string(), accountId: z.string(), namespaceId: z.string() })
    .nullable()
    .default(null),
  /** Where the queues answer; null until they do. */
  queues: z
    .object({
      endpoint: z.string(),
      region: z.string(),
      queueUrl: z.string(),
      deadLetterQueueUrl: z.string(),
    })
    .nullable()
    .default(null),
  /** Leaders of the process groups that the owner started; a group has its leader's id. */
  groups: z.array(markSchema),
});
type LockContent = z.infer<typeof lockSchema>;
export type StackKv = NonNullable<LockContent["kv"]>;
export type StackQueues = NonNullable<LockContent["queues"]>;

/** A child notices within moments that its supervisor is gone, and then has 10 s to end by itself. */
const LEFTOVER_GRACE_MS = 12_000;
/** Removing a dead lock takes moments; a gate older than this is left over itself. */
const MAX_TAKEOVER_MS = 10_000;
const TAKEOVER_POLL_MS = 20;

export class StackLock {
  readonly #path: string;
  #content: LockContent;

  private constructor(path: string, content: LockContent) {
    this.#path = path;
    this.#content = content;
  }

  /**
   * Takes the lock; a dead owner's is taken over once what it started has ended.
   * @throws LzeroError `already_running`
   */
  static async acquire(path: string, graceMs = LEFTOVER_GRACE_MS): Promise<StackLock> {
    const content: LockContent = { owner: ownMark(), url: null, kv: null, queues: null, groups: [] };
    for (;;) {
      if (await createWhole(path, JSON.stringify(content))) return new StackLock(path, content);
      await clearDeadLock(path, graceMs);
    }
  }

  /** Notes the stack's address and the groups that run now. */
  async update(url: string | null, groups: readonly ProcessMark[]): Promise<void> {
    await this.#write({ ...this.#content, url, groups: [...groups] });
  }

  /** Notes where commands that read pages find KV. */
  async noteKv(kv: StackKv): Promise<void> {
    await this.#write({ ...this.#content, kv });
  }

  /** Notes where commands find the queues. */
  async noteQueues(queues: StackQueues): Promise<void> {
    await this.#write({ ...this.#content, queues });
  }

  async #write(content: LockContent): Promise<void> {
    this.#content = content;
    const draft = `${this.#path}.${process.pid}`;
    await writeFile(draft, JSON.stringify(this.#content), { mode: 0o600 });
    await rename(draft, this.#path);
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** The address of the stack that runs on a folder, or null. */
export async function readRunningUrl(path: string): Promise<string | null> {
  return (await readRunning(path))?.url ?? null;
}

/** Where the stack that runs on a folder has its KV, or null. */
export async function readRunningKv(path: string): Promise<StackKv | null> {
  return (await readRunning(path))?.kv ?? null;
}

/** Where the stack that runs on a folder has its queues, or null. */
export async function readRunningQueues(path: string): Promise<StackQueues | null> {
  return (await readRunning(path))?.queues ?? null;
}

async function readRunning(path: string): Promise<LockContent | null> {
  const content = (await readLock(path))?.content ?? null;
  return content !== null && isRunning(content.owner) ? content : null;
}

/** Removes the lock of an owner that is gone. @throws LzeroError `already_running` */
async function clearDeadLock(path: string, graceMs: number): Promise<void> {
  const found = await readLock(path);
  if (found === null) return;
  const { text, content } = found;
  if (content !== null && isRunning(content.owner)) {
    const where = content.url === null ? "" : ` at ${content.url}`;
    throw new LzeroError(
      "already_running",
      `Lzero runs already${where} (process ${content.owner.pid}): stop that one first, or name another folder with --state`,
      { pid: content.owner.pid, url: content.url },
    );
  }
  await endLeftovers(content?.groups ?? [], graceMs);
  // Of those that come at once one removes it, and only if it is still the same: nobody's new lock is ever removed.
  const gate = `${path}.takeover`;
  try {
    await mkdir(gate);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const sinceMs = Date.now() - ((await stat(gate).catch(() => null))?.mtimeMs ?? Date.now());
    // Whoever made it was killed in between.
    if (sinceMs > MAX_TAKEOVER_MS) await rmdir(gate).catch(() => undefined);
    await sleep(TAKEOVER_POLL_MS);
    return;
  }
  try {
    if ((await readLock(path))?.text === text) await unlink(path);
  } finally {
    await rmdir(gate);
  }
}

/** Creates a file with its content in one step, so that nobody reads a half. @returns false when there is one */
async function createWhole(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    await unlink(draft);
  }
}

/** Waits for groups of a dead owner to end by themselves, then kills what is left of them. */
async function endLeftovers(groups: readonly ProcessMark[], graceMs: number): Promise<void> {
  const deadlineMs = Date.now() + graceMs;
  for (const leader of groups) {
    // An id whose process began at another time belongs to somebody else now, its group with it.
    const isOurs = (): boolean => {
      const now = markProcess(leader.pid);
      return now === null || now.startedAt === leader.startedAt;
    };
    while (isOurs() && listGroup(leader.pid).length > 0 && Date.now() < deadlineMs) {
      await sleep(100);
    }
    if (isOurs()) await killGroup(leader.pid);
  }
}

/** @returns null without a lock; `content` null when it is damaged, e.g. cut off by a full disk: nobody's then */
async function readLock(
  path: string,
): Promise<{ readonly text: string; readonly content: LockContent | null } | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return { text, content: lockSchema.parse(JSON.parse(text)) };
  } catch {
    return { text, content: null };
  }
}

function ownMark(): ProcessMark {
  const mark = markProcess(process.pid);
  if (mark === null) throw new LzeroError("process_unknown", "this process cannot find itself in the system");
  return mark;
}
