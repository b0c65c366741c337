/** The id of an ingest: from the client's Idempotency-Key, so that a repetition is the same ingest, else random. */
import { LzeroError } from "../../shared/errors.ts";

/** Printable ASCII: any other byte means different things to different clients. */
const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

/**
 * @returns 32 hex digits: the first 128 bits of SHA-256 over the index, a line feed and the key
 * @throws LzeroError `idempotency_key_invalid`
 */
export async function chooseIngestId(index: string, idempotencyKey: string | null): Promise<string> {
  if (idempotencyKey === null) return toHex(crypto.getRandomValues(new Uint8Array(16)));
  if (!IDEMPOTENCY_KEY.test(idempotencyKey)) {
    throw new LzeroError(
      "idempotency_key_invalid",
      "an Idempotency-Key is 1 to 255 printable ASCII characters",
    );
  }
  return (await hashHex(new TextEncoder().encode(`${index}\n${idempotencyKey}`))).slice(0, 32);
}

/** SHA-256 in hex. */
export async function hashHex(bytes: Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
