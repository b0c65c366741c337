/** Documents through the HTTP API, waited for until the edge answers from a generation that holds them. */
import { expect } from "vitest";

export interface IngestRequest {
  readonly url: string;
  readonly writeKey: string;
  /** Created with the default settings when it is not there. */
  readonly index: string;
  readonly documents: readonly object[];
}

/** The consumer has to wake up, encode, publish; on a busy machine that takes seconds. */
const POLL = { timeout: 60_000, interval: 100 };

/** Repeating it with the same documents changes nothing. */
export async function ingestDocuments({ url, writeKey, index, documents }: IngestRequest): Promise<void> {
  const address = `${url}/v1/indexes/${index}`;
  const headers = {
    authorization: `Bearer ${writeKey}`,
    "content-type": "application/json",
    "idempotency-key": "ingest-documents",
  };
  const send = async (method: string, path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(address + path, { method, headers, body: JSON.stringify(body) });
    const answer = await response.text();
    expect(response.ok, answer).toBe(true);
    return JSON.parse(answer) as Record<string, unknown>;
  };
  const read = async (path: string): Promise<Record<string, unknown>> =>
    (await fetch(address + path, { headers })).json() as Promise<Record<string, unknown>>;

  await send("PUT", "", {});
  const { ingestId, accepted } = await send("POST", "/documents", documents);
  expect(accepted).toBe(documents.length);
  await expect
    .poll(() => read(`/ingests/${ingestId}`), POLL)
    .toMatchObject({ counts: { indexed: documents.length } });
  const { generation } = await read(`/ingests/${ingestId}`);
  await expect
    .poll(() => read(`/search?q=any&minGeneration=${generation}`), POLL)
    .toMatchObject({ hits: expect.any(Array) });
}
