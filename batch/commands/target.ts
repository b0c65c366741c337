/** Which Lzero a command speaks to: what the options say, else the environment, else the stack of this folder. */

import { LzeroError } from "../../shared/errors.ts";
import { readVariables } from "../config.ts";
import { readKeys } from "../dev/keys.ts";
import { readRunningUrl } from "../dev/lock.ts";
import { describeStateFolder } from "../dev/state-folder.ts";

export interface TargetOptions {
  readonly url?: string;
  readonly state: string;
}

/** @throws LzeroError `target_unknown` */
export async function findUrl(options: TargetOptions): Promise<string> {
  const url =
    options.url ?? (process.env.LZERO_URL || (await readRunningUrl(describeStateFolder(options.state).lock)));
  if (url === null) {
    throw new LzeroError(
      "target_unknown",
      "no Lzero to speak to: give --url or set LZERO_URL, or start one here with `npm start`",
    );
  }
  const parsed = parseUrl(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new LzeroError("target_unknown", `${url} is no http or https URL`, { url });
  }
  return parsed.origin;
}

/**
 * The publish key: LZERO_PUBLISH_KEY, else that of this folder's stack, which goes nowhere but to that stack.
 * @throws LzeroError `config_invalid`
 */
export function findPublishKey(url: string, options: TargetOptions): Promise<string> {
  return findKey(url, options, "LZERO_PUBLISH_KEY", "publishKey");
}

/**
 * The write key: LZERO_WRITE_KEY, else that of this folder's stack, which goes nowhere but to that stack.
 * @throws LzeroError `config_invalid`
 */
export function findWriteKey(url: string, options: TargetOptions): Promise<string> {
  return findKey(url, options, "LZERO_WRITE_KEY", "writeKey");
}

async function findKey(
  url: string,
  options: TargetOptions,
  variable: "LZERO_WRITE_KEY" | "LZERO_PUBLISH_KEY",
  ofStack: "writeKey" | "publishKey",
): Promise<string> {
  const given = process.env[variable];
  if (given) return given;
  const folder = describeStateFolder(options.state);
  if ((await readRunningUrl(folder.lock)) === url) {
    const keys = await readKeys(folder.keys);
    if (keys !== null) return keys[ofStack];
  }
  return readVariables(process.env, [variable])[variable];
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
