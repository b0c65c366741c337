/** The limits of Workers KV on keys and values, checked by every driver so that they all refuse the same things. */
import { LzeroError } from "../../shared/errors.ts";

/** developers.cloudflare.com/kv/platform/limits */
export const MAX_KEY_BYTES = 512;
export const MAX_VALUE_BYTES = 25 * 1024 * 1024;

/** @throws LzeroError `storage_key_invalid` for an empty or over-long key, `.`, `..`, or a lone surrogate */
export function checkKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key, "utf8");
  if (key === "" || key === "." || key === ".." || sizeBytes > MAX_KEY_BYTES || /\p{Surrogate}/u.test(key)) {
    throw new LzeroError(
      "storage_key_invalid",
      `the store takes no key ${JSON.stringify(key.slice(0, 80))}`,
      {
        key,
        sizeBytes,
        maxBytes: MAX_KEY_BYTES,
      },
    );
  }
}

/** @throws LzeroError `storage_key_invalid`, `storage_value_too_large` */
export function checkEntry(key: string, value: Uint8Array): void {
  checkKey(key);
  if (value.byteLength > MAX_VALUE_BYTES) {
    throw new LzeroError("storage_value_too_large", `the value of ${key} has ${value.byteLength} bytes`, {
      key,
      sizeBytes: value.byteLength,
      maxBytes: MAX_VALUE_BYTES,
    });
  }
}
