/** `lzero idf`: which IDF weighs the queries of an index; changes at once, without encoding a document again. */
import { type Command, Option } from "commander";
import * as z from "zod";
import type { CatalogStatus } from "../../shared/catalog/commands.ts";
import { LzeroError } from "../../shared/errors.ts";
import { decodeQueryTables } from "../../shared/format/query-tables.ts";
import { IDF_MODES, type IdfMode } from "../../shared/model/idf.ts";
import { tablesKey } from "../../shared/storage/keys.ts";
import type { PageReader } from "../../shared/storage/page-store.ts";
import { HttpCatalog } from "../catalog-http.ts";
import { DEFAULT_STATE_FOLDER } from "../dev/state-folder.ts";
import { openPageStore } from "../inspect/open-store.ts";
import { refreshIdf } from "../publish/idf-refresher.ts";
import type { BoundModel } from "../publish/publish-target.ts";
import { parseIndexName } from "./dev.ts";
import { findPublishKey, findUrl, findWriteKey, type TargetOptions } from "./target.ts";

interface IdfOptions extends TargetOptions {
  readonly index: string;
  readonly set?: IdfMode;
}

const EXAMPLES = `
  model   the model's own table: right for few documents
  corpus  this index's document frequencies alone
  blend   both; the corpus counts more as it grows (the default)

Examples:
  lzero idf --index demo                what is in use; counts the documents anew
  lzero idf --index demo --set corpus`;

export function register(program: Command): void {
  program
    .command("idf")
    .summary("which IDF weighs the queries of an index")
    .description(
      "Shows or changes the IDF of an index, and counts its documents anew. No document is encoded again; the change shows within seconds.",
    )
    .requiredOption("--index <name>", "index", parseIndexName)
    .addOption(new Option("--set <mode>", "change it to").choices([...IDF_MODES]))
    .option("--url <origin>", "the Worker (default: LZERO_URL, else the stack of this folder)")
    .option("--state <folder>", "state folder of a local stack", DEFAULT_STATE_FOLDER)
    .addHelpText("after", EXAMPLES)
    .action(run);
}

async function run(options: IdfOptions): Promise<void> {
  const { index } = options;
  const origin = await findUrl(options);
  const publishKey = await findPublishKey(origin, options);
  const catalog = new HttpCatalog({ origin, publishKey, index });
  const before = await catalog.status();
  if (options.set !== undefined && options.set !== before.settings.idf) {
    await changeSetting(origin, await findWriteKey(origin, options), index, {
      ...before.settings,
      idf: options.set,
    });
  }
  const mode = options.set ?? before.settings.idf;
  if (before.model === null) {
    console.log(`${index}: ${mode}; the index is empty, there is nothing to count yet`);
    return;
  }
  const store = await openPageStore(options);
  const model = await readBoundModel(store, before.model);
  const refreshed = await refreshIdf({ index, catalog, store }, model, { always: true });
  const { generation, snapshot } = await catalog.status();
  const counted = snapshot === null ? "the model's own table" : `${snapshot.documents} documents counted`;
  console.log(`${index}: ${mode}, ${counted}, generation ${refreshed?.generation ?? generation}`);
}

/** The model of an index from its own query tables in KV: no model file is needed. */
async function readBoundModel(
  reader: PageReader,
  binding: NonNullable<CatalogStatus["model"]>,
): Promise<BoundModel> {
  const key = tablesKey(binding.tables);
  const value = await reader.read(key);
  if (value === null) throw new LzeroError("page_missing", `${key} is not there`, { key });
  const tables = { fingerprint: binding.tables, value };
  return { binding, tables, query: decodeQueryTables(value, binding.tables, key) };
}

async function changeSetting(
  origin: string,
  writeKey: string,
  index: string,
  settings: CatalogStatus["settings"],
): Promise<void> {
  const response = await fetch(`${origin}/v1/indexes/${index}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${writeKey}`, "content-type": "application/json" },
    body: JSON.stringify(settings),
    signal: AbortSignal.timeout(30_000),
  });
  if (response.ok) return;
  const problem = z
    .looseObject({ code: z.string(), detail: z.string().optional() })
    .safeParse(await response.json().catch(() => null));
  const { code, detail } = problem.success ? problem.data : { code: "request_failed", detail: undefined };
  throw new LzeroError(code, `changing the settings of ${index}: ${detail ?? `status ${response.status}`}`, {
    status: response.status,
  });
}
