/** Which KV a command reads pages from: the one that the environment names, else that of the stack of this folder. */
import { LzeroError } from "../../shared/errors.ts";
import type { PageStore } from "../../shared/storage/page-store.ts";
import { type Environment, readVariables } from "../config.ts";
import { readKeys } from "../dev/keys.ts";
import { readRunningKv } from "../dev/lock.ts";
import { describeStateFolder } from "../dev/state-folder.ts";
import { KvRestStore } from "../storage/kv-rest-store.ts";

/** Decides: CLOUDFLARE_API_TOKEN may be set for other tools. */
const DECIDING_VARIABLE = "LZERO_KV_NAMESPACE_ID";

export interface StoreOptions {
  /** State folder of a local stack. */
  readonly state: string;
}

/** @throws LzeroError `config_invalid`; `target_unknown` when neither is there */
export async function openPageStore(
  options: StoreOptions,
  environment: Environment = process.env,
): Promise<PageStore> {
  if (environment[DECIDING_VARIABLE]) {
    const values = readVariables(environment, [
      "CLOUDFLARE_ACCOUNT_ID",
      "CLOUDFLARE_API_TOKEN",
      "LZERO_KV_NAMESPACE_ID",
      "CLOUDFLARE_API_BASE_URL",
    ]);
    return new KvRestStore({
      baseUrl: values.CLOUDFLARE_API_BASE_URL,
      accountId: values.CLOUDFLARE_ACCOUNT_ID,
      apiToken: values.CLOUDFLARE_API_TOKEN,
      namespaceId: values.LZERO_KV_NAMESPACE_ID,
    });
  }
  const folder = describeStateFolder(options.state);
  const kv = await readRunningKv(folder.lock);
  const keys = kv === null ? null : await readKeys(folder.keys);
  if (kv === null || keys === null) {
    throw new LzeroError(
      "target_unknown",
      `no KV to read: set ${DECIDING_VARIABLE}, CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN, or start a stack here with \`npm start\` (${folder.root} has none that runs)`,
      { state: folder.root },
    );
  }
  return new KvRestStore({ ...kv, apiToken: keys.apiToken });
}
