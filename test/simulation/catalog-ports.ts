/**
 * The catalog as its clients see it: the batch side's port, which sends a command again when no answer came, and the
 * Worker's client, which does not. Requests pass their schemas as they do at the routes; the truth hears of every
 * command that takes effect, whoever learns its outcome.
 */
import type { CatalogPort, HistoryPort } from "../../batch/catalog-port.ts";
import type { Catalog } from "../../shared/catalog/catalog.ts";
import {
  abortRequestSchema,
  type CollectRequest,
  type CollectResponse,
  type CommitResponse,
  collectRequestSchema,
  commitRequestSchema,
  type IngestStatus,
  locateRequestSchema,
  settleRequestSchema,
  stageRequestSchema,
  weighRequestSchema,
} from "../../shared/catalog/commands.ts";
import { pinRequestSchema, rollbackRequestSchema } from "../../shared/catalog/history-commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import { encodeManifest } from "../../shared/format/manifest.ts";
import type { CatalogClient } from "../../workers/catalog-client.ts";
import type { CatalogHost } from "./catalog-host.ts";
import type { CountEvent } from "./coverage.ts";
import { NetworkError } from "./network.ts";
import type { Actor, Timeline } from "./timeline.ts";
import type { Truth } from "./truth.ts";

export interface PortOptions {
  readonly host: CatalogHost;
  readonly timeline: Timeline;
  readonly truth: Truth;
  readonly count: CountEvent;
  /** A variant: what `locate` makes of versions. */
  readonly breakLocate?: (request: ReturnType<typeof locateRequestSchema.parse>) => typeof request;
  /** A variant: what `collect` does. */
  readonly breakCollect?: (request: CollectRequest, catalog: Catalog, truth: Truth) => CollectResponse;
}

const ATTEMPTS = 3;
const RETRY_DELAY_MS = 1000;

/** What the batch side is given for one incarnation of an actor. */
export function batchPort(
  actor: Actor,
  options: PortOptions,
): CatalogPort & Pick<HistoryPort, "generations" | "rollback" | "pin"> {
  const { host, timeline, truth, breakLocate, breakCollect } = options;
  async function call<Answer>(
    command: string,
    run: (catalog: Catalog) => Answer,
    observe?: (answer: Answer) => void,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await host.call(actor, command, run, observe);
      } catch (cause) {
        if (!(cause instanceof NetworkError)) throw cause;
        if (attempt === ATTEMPTS)
          throw new LzeroError("catalog_unavailable", cause.message, { command }, cause);
        await timeline.sleep(actor, RETRY_DELAY_MS * attempt);
      }
    }
  }
  return {
    stage(given) {
      const request = stageRequestSchema.parse(given);
      return call(
        `stage ${short(request.segmentId)}`,
        (catalog) => catalog.stage(request),
        () => truth.staged(request),
      );
    },
    locate(given) {
      const request = locateRequestSchema.parse(given);
      const broken = breakLocate?.(request) ?? request;
      const observe = () => truth.located(request);
      return call(`locate ${short(request.segmentId)}`, (catalog) => catalog.locate(broken), observe);
    },
    commit(given) {
      const request = commitRequestSchema.parse(given);
      const observe = ({ tombstoned }: CommitResponse) => truth.committed(request.segmentId, tombstoned);
      return call(`commit ${short(request.segmentId)}`, (catalog) => catalog.commit(request), observe);
    },
    abort(given) {
      const request = abortRequestSchema.parse(given);
      return call(`abort ${short(request.segmentId)}`, (catalog) => catalog.abort(request));
    },
    settle(given) {
      const request = settleRequestSchema.parse(given);
      return call("settle", (catalog) => catalog.settle(request));
    },
    status: () => call("status", (catalog) => catalog.status()),
    collect(given) {
      const request = collectRequestSchema.parse(given);
      return call(
        `collect ${request.collected.map(short).join(" ")}`,
        (catalog) => {
          return breakCollect?.(request, catalog, truth) ?? catalog.collect(request);
        },
        () => truth.collected(request.collected),
      );
    },
    pending: (request) => call("pending", (catalog) => catalog.pending(request)),
    weigh(given) {
      const request = weighRequestSchema.parse(given);
      return call("weigh", (catalog) => catalog.weigh(request));
    },
    generations: () => call("generations", (catalog) => catalog.generations()),
    rollback(given) {
      const request = rollbackRequestSchema.parse(given);
      return call(
        `rollback to ${request.to}`,
        (catalog) => catalog.rollback(request),
        (answer) => truth.rolledBack(request, answer),
      );
    },
    pin(given) {
      const request = pinRequestSchema.parse(given);
      return call(
        `${request.pinned ? "pin" : "unpin"} ${request.generation}`,
        (catalog) => catalog.pin(request),
        () => truth.pinned(request),
      );
    },
  };
}

/** What a Worker's routes are given. `accept` is the client's part and goes to the host itself. */
export function workerClient(
  actor: Actor,
  { host, truth, count }: PortOptions,
): Pick<CatalogClient, "ingestStatus" | "settle" | "remove" | "lookup" | "manifest" | "status"> {
  async function call<Answer>(
    command: string,
    run: (catalog: Catalog) => Answer,
    observe?: (answer: Answer) => void,
  ): Promise<Answer> {
    try {
      return await host.call(actor, command, run, observe);
    } catch (cause) {
      if (!(cause instanceof NetworkError)) throw cause;
      throw new LzeroError("catalog_unavailable", cause.message, { command }, cause);
    }
  }
  const checkOutcomes = (status: IngestStatus) => truth.checkOutcomes(status);
  return {
    ingestStatus: (ingestId) =>
      call(`ingest ${short(ingestId)}`, (catalog) => catalog.ingestStatus(ingestId), checkOutcomes),
    settle: (request) => call("settle", (catalog) => catalog.settle(request)),
    remove: (request) =>
      call(
        "remove",
        (catalog) => catalog.remove(request),
        (answer) => truth.removed(request, answer),
      ),
    lookup: (key) => call("lookup", (catalog) => catalog.lookup(key)),
    manifest: () => {
      count("manifestFromCatalog");
      return call("manifest", (catalog) => encodeManifest(catalog.manifest()));
    },
    status: () => call("status", (catalog) => catalog.status()),
  };
}

function short(id: string): string {
  return id.slice(0, 6);
}
