/**
 * The outbox: which manifest has to be put to KV, and when. Puts are serial, at least `outboxIntervalMs` apart, always
 * of the newest generation, and repeated until one is acknowledged. After a put with an unknown outcome the manifest
 * is put again later, since the lost put may have arrived after the acknowledged one: twice, each a pause after the one
 * before, so that a clock which jumps ahead cannot make all of it come too early.
 */
import type { Manifest } from "../format/manifest.ts";
import { type CatalogContext, findState, readState, writeState } from "./context.ts";
import { describeGeneration } from "./generations.ts";
import type { IndexState, OutboxState } from "./rows.ts";

/** Puts after the acknowledgement of one that had to be repeated. */
const CONFIRMATIONS = 2;

export interface OutboxPut {
  readonly generation: number;
  readonly manifest: Manifest;
}

/** When the next put is due; null when nothing has to be put, or when there is no such index. */
export function outboxNextAtMs(context: CatalogContext): number | null {
  const state = findState(context);
  return state === null ? null : nextPutAtMs(context, state);
}

/** Begins a put: the caller puts the manifest and acknowledges it, or asks again later. Null when none is due yet. */
export function outboxDue(context: CatalogContext): OutboxPut | null {
  const state = readState(context);
  const nextAtMs = nextPutAtMs(context, state);
  if (nextAtMs === null || nextAtMs > context.nowMs) return null;
  state.outbox = { ...state.outbox, lastPutAtMs: context.nowMs, attempts: state.outbox.attempts + 1 };
  writeState(context, state);
  return { generation: state.generation, manifest: describeGeneration(context, state) };
}

export function outboxAcknowledged(context: CatalogContext, generation: number): void {
  const state = readState(context);
  state.outbox = {
    publishedGeneration: Math.max(state.outbox.publishedGeneration, generation),
    lastPutAtMs: state.outbox.lastPutAtMs,
    attempts: 0,
    ...confirmAfter(context, state),
  };
  writeState(context, state);
}

/** A confirmation that was due is done by this acknowledgement; one that lies ahead stays. */
function confirmAfter(
  { config, nowMs }: CatalogContext,
  { outbox }: IndexState,
): Pick<OutboxState, "confirmAtMs" | "confirmations"> {
  const { attempts, confirmAtMs, confirmations = 1 } = outbox;
  const nextAtMs = nowMs + config.outboxConfirmMs;
  if (attempts > 1) return { confirmAtMs: nextAtMs, confirmations: CONFIRMATIONS };
  if (confirmAtMs === null || confirmAtMs > nowMs) return { confirmAtMs, confirmations };
  return confirmations > 1
    ? { confirmAtMs: nextAtMs, confirmations: confirmations - 1 }
    : { confirmAtMs: null, confirmations: 0 };
}

function nextPutAtMs({ config, nowMs }: CatalogContext, { generation, outbox }: IndexState): number | null {
  const behind = generation > outbox.publishedGeneration || outbox.attempts > 0;
  if (!behind && outbox.confirmAtMs === null) return null;
  // A clock that was set back must not hold the outbox up for longer than one pause.
  const lastPutAtMs = outbox.lastPutAtMs === null ? null : Math.min(outbox.lastPutAtMs, nowMs);
  const backoffMs = config.outboxIntervalMs * 2 ** Math.max(0, Math.min(outbox.attempts, 30) - 1);
  const pauseMs = Math.max(config.outboxIntervalMs, Math.min(backoffMs, config.outboxMaxBackoffMs));
  const earliestMs = lastPutAtMs === null ? nowMs : Math.max(nowMs, lastPutAtMs + pauseMs);
  return behind ? earliestMs : Math.max(earliestMs, outbox.confirmAtMs!);
}
