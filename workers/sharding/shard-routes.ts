/**
 * A shard's side: the commands of shard-commands.ts. In: requests of a front, under the shard key. Every one names the
 * place that the front takes this Worker for; another one than it is configured as, or than its index was made as, is
 * refused, because bindings that were exchanged, doubled or made fewer would answer wrongly otherwise.
 */

import type { ShardPlace } from "../../shared/catalog/shard-place.ts";
import { findDocument } from "../documents/find-document.ts";
import { removeDocument } from "../documents/remove-document.ts";
import { requireKey } from "../http/auth.ts";
import { readJson } from "../http/body.ts";
import { checkIndexName } from "../routes/index-name.ts";
import { makeReadContext } from "../search/read-context.ts";
import type { App, AppContext, Services } from "../services.ts";
import { beginMadeAs, requireMadeAs, requirePlace } from "./require-place.ts";
import { SHARD_COMMANDS, type ShardAnswer, type ShardCommand, type ShardRequest } from "./shard-commands.ts";
import { acceptShardDocuments } from "./shard-documents.ts";
import { describeShardHits, searchShard } from "./shard-search.ts";

/**
 * The documents of a request of 5 MiB, written anew: a number such as 1e20 is four times as long then, so that most
 * bodies are far below this.
 */
export const MAX_SHARD_BODY_BYTES = 32 * 1024 * 1024;

interface ShardContext {
  readonly context: AppContext;
  readonly services: Services;
  readonly index: string;
  readonly place: ShardPlace;
}

export function addShardRoutes(app: App, services: Services): void {
  function addCommand<Command extends ShardCommand>(
    command: Command,
    run: (shard: ShardContext, request: ShardRequest<Command>) => Promise<ShardAnswer<Command>>,
  ): void {
    app.post(`/internal/indexes/:index/shard/${command}`, async (context) => {
      await requireKey(context.req.raw, context.env, "shard");
      const place = requirePlace(context.req.raw.headers, context.env);
      const index = checkIndexName(context.req.param("index") ?? "");
      const { request: schema } = SHARD_COMMANDS[command];
      const request = await readJson(context.req.raw, schema, MAX_SHARD_BODY_BYTES);
      const answer = await run(
        { context, services, index, place },
        request as unknown as ShardRequest<Command>,
      );
      return context.json(answer as object);
    });
  }

  /** A command that must find the index made as this shard. Asks the catalog, once an isolate. */
  function addMadeCommand<Command extends ShardCommand>(
    command: Command,
    run: (shard: ShardContext, request: ShardRequest<Command>) => Promise<ShardAnswer<Command>>,
  ): void {
    addCommand(command, async (shard, request) => {
      await requireMadeAs(shard.services, shard.context.env, shard.index, shard.place);
      return run(shard, request);
    });
  }

  addCommand("create", ({ context, index, place }, { settings }) =>
    services.catalogOf(context.env, index).create(settings, place),
  );
  addCommand("search", async ({ context, index, place }, request) => {
    const requireSame = beginMadeAs(context, services, index, place);
    const answer = await searchShard(makeReadContext(context, services, index), request);
    requireSame();
    return answer;
  });
  addCommand("hits", ({ context, index }, request) =>
    describeShardHits(makeReadContext(context, services, index), request),
  );

  addMadeCommand("status", ({ context, index }) => services.catalogOf(context.env, index).status());
  addMadeCommand("accept", ({ context, index, place }, request) =>
    acceptShardDocuments(context, services, index, place, request),
  );
  addMadeCommand("settle", async ({ context, index }, request) => {
    await services.catalogOf(context.env, index).settle(request);
    return {};
  });
  addMadeCommand("ingest", ({ context, index }, { ingestId }) =>
    services.catalogOf(context.env, index).ingestStatus(ingestId),
  );
  addMadeCommand("remove", ({ context, index }, { ifVersion, ...request }) =>
    removeDocument(services.catalogOf(context.env, index), index, { ...request, ifVersion }),
  );
  addMadeCommand("document", ({ context, index }, { id }) =>
    findDocument(makeReadContext(context, services, index), id),
  );
}
