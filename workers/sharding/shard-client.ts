/**
 * A front's calls to its shards. In: a command of shard-commands.ts. Out: its answer, checked. An error that the client
 * should see passes through with the shard's place; any other is `shard_unavailable`, because an answer without one of
 * the shards would be wrong. Nothing is tried again.
 */
import { formatShardPlace } from "../../shared/catalog/shard-place.ts";
import { type ErrorDetails, isLzeroError, LzeroError } from "../../shared/errors.ts";
import { parseTraceparent } from "../../shared/messages/trace-context.ts";
import { createLimiter } from "../../shared/query/limiter.ts";
import { readBody } from "../http/body.ts";
import type { AppContext } from "../services.ts";
import { shardsOf } from "./shard-bindings.ts";
import {
  SHARD_COMMANDS,
  SHARD_HEADER,
  type ShardAnswer,
  type ShardCommand,
  type ShardRequest,
} from "./shard-commands.ts";

/** A Worker has six connections at once. */
export const SHARDS_AT_ONCE = 6;
/** A shard may wait twenty seconds for its queue. */
const CALL_TIMEOUT_MS = 30_000;
/** A hundred documents of the largest size and what is said of them. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Codes that mean the same from a shard as from an index that is whole. */
const PASSED_ON: ReadonlySet<string> = new Set([
  "document_not_found",
  "generation_not_reached",
  "idempotency_conflict",
  "idempotency_key_invalid",
  "index_conflict",
  "index_not_found",
  "ingest_not_found",
  "query_too_long",
  "shards_disagree",
  "too_many_pending",
  "version_not_allowed",
  "version_required",
]);

/** The shards of one request's index. */
export interface Front {
  readonly index: string;
  readonly shards: number;
  /**
   * @param place from 1 on
   * @throws LzeroError `shard_unavailable`, `answer_too_large`, and the codes that are passed on
   */
  call<Command extends ShardCommand>(
    place: number,
    command: Command,
    request: ShardRequest<Command>,
    limitBytes?: number,
  ): Promise<ShardAnswer<Command>>;
  /** Calls some shards, six at once at most, and waits for all of them. */
  callEach<Answer>(
    places: readonly number[],
    call: (place: number) => Promise<Answer>,
  ): Promise<PromiseSettledResult<Answer>[]>;
}

/** @throws LzeroError `not_configured` */
export function frontOf({ env, req }: AppContext, index: string): Front {
  const shards = shardsOf(env);
  const key = env.LZERO_SHARD_KEY;
  if (!key) {
    throw new LzeroError("not_configured", "the secret LZERO_SHARD_KEY is not set", {
      missing: "LZERO_SHARD_KEY",
    });
  }
  const traceparent = parseTraceparent(req.header("traceparent"));
  return {
    index,
    shards: shards.length,
    async call(place, command, request, limitBytes = MAX_ANSWER_BYTES) {
      // The front's own origin: it decides whether the data centre's cache is of use.
      const address = new URL(`/internal/indexes/${index}/shard/${command}`, req.url);
      const headers = new Headers({
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        [SHARD_HEADER]: formatShardPlace({ place, of: shards.length }),
      });
      if (traceparent !== null) headers.set("traceparent", traceparent);
      const call = { place, command };
      let response: Response;
      let body: Uint8Array;
      try {
        response = await shards[place - 1]!.fetch(address.toString(), {
          method: "POST",
          headers,
          body: JSON.stringify(request),
          signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        });
        body = await readBody(response, limitBytes);
      } catch (cause) {
        if (isLzeroError(cause, "body_too_large")) {
          const message = `shard ${place} has more than ${limitBytes} bytes to answer; ask for fewer hits`;
          throw new LzeroError("answer_too_large", message, { shard: place, limitBytes });
        }
        throw unavailable(call, "no answer", cause);
      }
      const value = parseJson(body);
      if (!response.ok) throw describeRefusal(call, response, value);
      const parsed = SHARD_COMMANDS[command].answer.safeParse(value);
      if (!parsed.success) throw unavailable(call, "an answer of another version of this software");
      return parsed.data as ShardAnswer<typeof command>;
    },
    callEach(places, call) {
      const limit = createLimiter(SHARDS_AT_ONCE);
      return Promise.allSettled(places.map((place) => limit(() => call(place))));
    },
  };
}

export function allPlaces(front: Front): readonly number[] {
  return Array.from({ length: front.shards }, (_, at) => at + 1);
}

/** The answers of calls that must all succeed. @throws what the first of them that failed threw */
export function requireAll<Answer>(settled: readonly PromiseSettledResult<Answer>[]): Answer[] {
  return settled.map((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value;
  });
}

interface Call {
  readonly place: number;
  readonly command: ShardCommand;
}

/** @param reason for people; never holds a key or a query */
function unavailable({ place, command }: Call, reason: string, cause?: unknown): LzeroError {
  const error = cause instanceof Error ? cause.name : null;
  console.warn(
    JSON.stringify({ level: "warn", event: "shard_call_failed", shard: place, command, reason, error }),
  );
  const message = `shard ${place} cannot be asked at the moment (${reason}); try again`;
  return new LzeroError("shard_unavailable", message, { shard: place, reason }, cause);
}

function describeRefusal(call: Call, response: Response, value: unknown): LzeroError {
  const { type: _, title: __, status: ___, code, detail, ...rest } = (value ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || typeof detail !== "string") {
    return unavailable(call, `status ${response.status}`);
  }
  if (!PASSED_ON.has(code)) return unavailable(call, code);
  const details = { ...(rest as ErrorDetails), shard: call.place };
  return new LzeroError(code, `${detail} (shard ${call.place})`, details);
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}
