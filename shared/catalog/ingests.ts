/** Ingests: what was accepted, how each position ended, and what is still pending. */
import { LzeroError } from "../errors.ts";
import {
  type AcceptRequest,
  type AcceptResponse,
  type IngestStatus,
  OUTCOMES,
  type Outcome,
  type PendingRequest,
  type PendingResponse,
  type SettleRequest,
} from "./commands.ts";
import { findContradictions, VERSION_CONFLICT } from "./conditions.ts";
import { type CatalogContext, readState, writeState } from "./context.ts";
import { editGeneration } from "./generations.ts";
import {
  decodeIngest,
  encodeIngest,
  type IngestRow,
  outcomeCode,
  outcomeOf,
  PENDING_CODE,
  pendingPositions,
} from "./ingest-row.ts";
import {
  failureKey,
  failurePosition,
  failurePrefix,
  idKey,
  kindPrefix,
  timedId,
  timedKey,
  timedStart,
  timeOf,
} from "./keys.ts";
import { DocumentFinder } from "./locations.ts";
import { prefixRange } from "./ordered-store.ts";
import { type PendingCount, requireRoom } from "./pending-room.ts";
import { decodeJsonRow, encodeJsonRow, type FailureRow, type IndexState } from "./rows.ts";

/** Ingests that one command marks expired or forgets at most. */
const MAX_SWEPT_AT_ONCE = 50;

/** Records one ingest, or finds it again: the same id and digest give the same versions. */
export function accept(context: CatalogContext, request: AcceptRequest): AcceptResponse {
  const state = readState(context);
  sweepIngests(context, state);
  const known = findIngest(context, request.ingestId);
  if (known !== null) {
    writeState(context, state);
    if (known.digest !== request.digest || known.outcomes.length !== request.positions) {
      throw new LzeroError("idempotency_conflict", `ingest ${request.ingestId} stands for another request`, {
        ingestId: request.ingestId,
      });
    }
    const { firstVersion, acceptedAtMs } = known;
    const conflicts = request.conditions === undefined ? [] : listConflicts(context, request.ingestId);
    const pending = pendingPositions(known.outcomes);
    return { firstVersion, acceptedAtMs, pending, ...(conflicts.length === 0 ? {} : { conflicts }) };
  }
  if (context.store.get(idKey("r", request.ingestId)) !== null) {
    throw new LzeroError("idempotency_conflict", `${request.ingestId} stands for a deletion`, {
      ingestId: request.ingestId,
    });
  }
  if (request.limits !== undefined) {
    // Without the expired ones: a refusal takes the sweep above back, so they would count for ever.
    const absent = new Set(request.rejected.filter((position) => position < request.positions));
    requireRoom(request.positions - absent.size, request.limits, countPending(context, state), context.nowMs);
  }
  const outcomes = new Uint8Array(request.positions).fill(PENDING_CODE);
  for (const position of request.rejected) {
    if (position < outcomes.length) outcomes[position] = outcomeCode("failed");
  }
  const conflicts = findConflicts(context, state, request);
  for (const { position, message } of conflicts) {
    outcomes[position] = outcomeCode("failed");
    const failure = { code: VERSION_CONFLICT, message };
    context.store.put(failureKey(request.ingestId, position), encodeJsonRow(failure));
  }
  const sequence = state.settings.versions === "sequence";
  const firstVersion = sequence ? state.nextVersion : 0;
  if (sequence) state.nextVersion += request.positions;
  const row: IngestRow = {
    acceptedAtMs: context.nowMs,
    firstVersion,
    digest: request.digest,
    generation: 0,
    outcomes,
  };
  const pending = pendingPositions(outcomes);
  state.pending += pending.length;
  writeIngest(context, request.ingestId, row);
  context.store.put(timedKey("a", row.acceptedAtMs, request.ingestId), new Uint8Array());
  if (pending.length > 0) {
    context.store.put(timedKey("p", row.acceptedAtMs, request.ingestId), new Uint8Array());
  }
  writeState(context, state);
  const { acceptedAtMs } = row;
  return { firstVersion, acceptedAtMs, pending, ...(conflicts.length === 0 ? {} : { conflicts }) };
}

function findConflicts(
  context: CatalogContext,
  state: IndexState,
  { conditions = [], positions }: AcceptRequest,
): { position: number; message: string }[] {
  if (conditions.length === 0) return [];
  const finder = new DocumentFinder(context, editGeneration(context, state));
  return findContradictions(
    finder,
    conditions.filter(({ position }) => position < positions),
  );
}

/** The positions of an ingest that have failed by their conditions, at once or in a commit. */
function listConflicts(context: CatalogContext, ingestId: string): { position: number; message: string }[] {
  return context.store.list(prefixRange(failurePrefix(ingestId))).flatMap(({ key, value }) => {
    const { code, message } = decodeJsonRow<FailureRow>(value);
    return code === VERSION_CONFLICT ? [{ position: failurePosition(key), message }] : [];
  });
}

/** Records that positions will not be indexed. `indexed` and `superseded` stay; unknown ingests are passed over. */
export function settle(context: CatalogContext, request: SettleRequest): void {
  const state = readState(context);
  const recorder = new OutcomeRecorder(context, state);
  for (const { ingestId, position, outcome, code, message } of request.outcomes) {
    recorder.fail(ingestId, position, outcome, { code, message });
  }
  recorder.write();
  writeState(context, state);
}

/** @throws LzeroError `ingest_not_found` */
export function ingestStatus(context: CatalogContext, ingestId: string): IngestStatus {
  readState(context);
  const row = findIngest(context, ingestId);
  if (row === null) {
    throw new LzeroError("ingest_not_found", `there is no ingest ${ingestId}`, { ingestId });
  }
  const failures = new Map<number, FailureRow>();
  for (const { key, value } of context.store.list(prefixRange(failurePrefix(ingestId)))) {
    failures.set(failurePosition(key), decodeJsonRow<FailureRow>(value));
  }
  const expired = isExpired(context, row.acceptedAtMs);
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const documents = Array.from(row.outcomes, (code, position) => {
    const outcome = code === PENDING_CODE && expired ? "expired" : outcomeOf(code);
    counts[outcome] += 1;
    return { position, outcome, ...failures.get(position) };
  });
  return {
    ingestId,
    acceptedAtMs: row.acceptedAtMs,
    counts,
    generation: counts.pending === 0 ? row.generation : null,
    documents,
  };
}

/** Ingests with pending positions, oldest first; those that have expired are not among them. */
export function listPending(context: CatalogContext, request: PendingRequest): PendingResponse {
  readState(context);
  const { end } = prefixRange(kindPrefix("p"));
  const start = timedStart("p", context.nowMs - context.config.queueRetentionMs);
  const rows = context.store.list({ start, limit: request.limit, ...(end === undefined ? {} : { end }) });
  return {
    ingests: rows.map(({ key }) => {
      const ingestId = timedId(key);
      const row = findIngest(context, ingestId);
      const positions = row === null ? [] : pendingPositions(row.outcomes);
      return { ingestId, acceptedAtMs: timeOf(key), positions };
    }),
  };
}

/** Pending positions and when the oldest was accepted, without those that expired since they were last swept. */
export function countPending(context: CatalogContext, state: IndexState): PendingCount {
  const cutoff = timedStart("p", context.nowMs - context.config.queueRetentionMs);
  let pending = state.pending;
  for (const { key } of context.store.list({ start: kindPrefix("p"), end: cutoff })) {
    const row = findIngest(context, timedId(key));
    if (row !== null) pending -= pendingPositions(row.outcomes).length;
  }
  const { end } = prefixRange(kindPrefix("p"));
  const [oldest] = context.store.list({ start: cutoff, limit: 1, ...(end === undefined ? {} : { end }) });
  return { pending, oldestPendingAtMs: oldest === undefined ? null : timeOf(oldest.key) };
}

/** Gathers outcomes of many positions, so that each ingest is read and written once. */
export class OutcomeRecorder {
  readonly #context: CatalogContext;
  readonly #state: IndexState;
  readonly #rows = new Map<string, IngestRow | null>();
  readonly #changed = new Set<string>();

  constructor(context: CatalogContext, state: IndexState) {
    this.#context = context;
    this.#state = state;
  }

  /** Whether the condition of the write at this position was found not to hold. */
  hasConflict(ingestId: string, position: number): boolean {
    const value = this.#context.store.get(failureKey(ingestId, position));
    return value !== null && decodeJsonRow<FailureRow>(value).code === VERSION_CONFLICT;
  }

  /** A commit has decided the position; the first such decision stays, whatever is delivered again. */
  decide(ingestId: string, position: number, outcome: "indexed" | "superseded", generation: number): void {
    const row = this.#row(ingestId);
    const before = row?.outcomes[position];
    if (row === null || before === undefined || this.#isFinal(ingestId, position, before)) return;
    if (before === PENDING_CODE) this.#state.pending -= 1;
    else this.#context.store.delete(failureKey(ingestId, position));
    row.outcomes[position] = outcomeCode(outcome);
    row.generation = Math.max(row.generation, generation);
    this.#changed.add(ingestId);
  }

  fail(
    ingestId: string,
    position: number,
    outcome: "failed" | "dead" | "expired",
    reason: FailureRow | null,
  ): void {
    const row = this.#row(ingestId);
    const before = row?.outcomes[position];
    if (row === null || before === undefined || this.#isFinal(ingestId, position, before)) return;
    if (before === PENDING_CODE) this.#state.pending -= 1;
    row.outcomes[position] = outcomeCode(outcome);
    if (reason !== null) this.#context.store.put(failureKey(ingestId, position), encodeJsonRow(reason));
    this.#changed.add(ingestId);
  }

  write(): void {
    for (const ingestId of this.#changed) {
      const row = this.#rows.get(ingestId)!;
      if (row === null) continue;
      writeIngest(this.#context, ingestId, row);
      if (pendingPositions(row.outcomes).length === 0) {
        this.#context.store.delete(timedKey("p", row.acceptedAtMs, ingestId));
      }
    }
  }

  #isFinal(ingestId: string, position: number, code: number): boolean {
    const outcome = outcomeOf(code);
    if (outcome === "failed") return this.hasConflict(ingestId, position);
    return outcome === "indexed" || outcome === "superseded";
  }

  #row(ingestId: string): IngestRow | null {
    let row = this.#rows.get(ingestId);
    if (row === undefined) {
      row = findIngest(this.#context, ingestId);
      this.#rows.set(ingestId, row);
    }
    return row;
  }
}

/** Writes `expired` down where it has come true, and forgets ingests past their retention; a bounded number a call. */
export function sweepIngests(context: CatalogContext, state: IndexState): void {
  const { config, nowMs, store } = context;
  const recorder = new OutcomeRecorder(context, state);
  const expired = store.list({
    start: kindPrefix("p"),
    end: timedStart("p", nowMs - config.queueRetentionMs),
    limit: MAX_SWEPT_AT_ONCE,
  });
  for (const { key } of expired) {
    const ingestId = timedId(key);
    for (const position of pendingPositions(findIngest(context, ingestId)?.outcomes ?? new Uint8Array())) {
      recorder.fail(ingestId, position, "expired", null);
    }
  }
  recorder.write();
  const forgotten = store.list({
    start: kindPrefix("a"),
    end: timedStart("a", nowMs - config.ingestRetentionMs),
    limit: MAX_SWEPT_AT_ONCE,
  });
  for (const { key } of forgotten) {
    const ingestId = timedId(key);
    // An ingest that a bounded sweep has not expired yet still counts as pending: it goes in a later call.
    if (store.get(timedKey("p", timeOf(key), ingestId)) !== null) continue;
    for (const failure of store.list(prefixRange(failurePrefix(ingestId)))) store.delete(failure.key);
    store.delete(idKey("i", ingestId));
    store.delete(key);
  }
}

function isExpired(context: CatalogContext, acceptedAtMs: number): boolean {
  return acceptedAtMs < context.nowMs - context.config.queueRetentionMs;
}

function findIngest(context: CatalogContext, ingestId: string): IngestRow | null {
  const value = context.store.get(idKey("i", ingestId));
  return value === null ? null : decodeIngest(value);
}

function writeIngest(context: CatalogContext, ingestId: string, row: IngestRow): void {
  context.store.put(idKey("i", ingestId), encodeIngest(row));
}
