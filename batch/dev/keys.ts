/** The local stack's keys: made at random at the first start, kept in a file that its owner alone can read. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import { LzeroError } from "../../shared/errors.ts";

const secret = z.string().min(20);
const keysSchema = z.strictObject({
  /** Lets clients write documents. */
  writeKey: secret,
  /** Lets the batch job publish segments. */
  publishKey: secret,
  /** Stands for Cloudflare's API token. */
  apiToken: secret,
  /** Stand for AWS credentials. */
  awsAccessKeyId: secret,
  awsSecretAccessKey: secret,
});
export type StackKeys = z.infer<typeof keysSchema>;

/**
 * Reads the keys, or makes them.
 * @returns `isNew` when they were made just now: the one time they are shown
 * @throws LzeroError `keys_invalid`
 */
export async function loadOrCreateKeys(
  path: string,
): Promise<{ readonly keys: StackKeys; readonly isNew: boolean }> {
  const existing = await readKeys(path);
  if (existing !== null) return { keys: existing, isNew: false };
  const make = (): string => randomBytes(24).toString("base64url");
  const keys: StackKeys = {
    writeKey: `lzw_${make()}`,
    publishKey: `lzp_${make()}`,
    apiToken: make(),
    awsAccessKeyId: `LZERO${randomBytes(10).toString("hex").toUpperCase()}`,
    awsSecretAccessKey: make(),
  };
  await writeFile(path, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  return { keys, isNew: true };
}

/** @returns null when there is no such file. @throws LzeroError `keys_invalid` */
export async function readKeys(path: string): Promise<StackKeys | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return keysSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new LzeroError(
      "keys_invalid",
      `${path} is damaged: delete it (new keys are made at the next start) or restore it`,
      { path },
      cause,
    );
  }
}
