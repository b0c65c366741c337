/** Sends documents to the stack as fast as it takes them, or one request at a time. */
import type { FaultStack } from "../../support/fault-stack.ts";

export interface BenchDocument {
  readonly id?: string | undefined;
  readonly title?: string | undefined;
  readonly text: string;
}

/** Documents of one request: the API's limit. */
export const DOCUMENTS_PER_REQUEST = 500;
const CONNECTIONS = 4;

/** Distinct documents, however many: later rounds through the corpus get ids of their own. */
export function takeDocuments(corpus: readonly BenchDocument[], count: number, from = 0): BenchDocument[] {
  return Array.from({ length: count }, (_, at) => {
    const place = from + at;
    const document = corpus[place % corpus.length]!;
    return { ...document, id: `${Math.floor(place / corpus.length)}-${document.id}` };
  });
}

/** @returns bodies of requests */
export function makeBodies(
  documents: readonly BenchDocument[],
  perRequest = DOCUMENTS_PER_REQUEST,
): string[] {
  const bodies: string[] = [];
  for (let start = 0; start < documents.length; start += perRequest)
    bodies.push(JSON.stringify(documents.slice(start, start + perRequest)));
  return bodies;
}

/** Sends all requests over some connections. */
export async function sendAll(
  stack: FaultStack,
  index: string,
  bodies: readonly string[],
  run = "run",
): Promise<void> {
  const queue = bodies.entries();
  const work = async (): Promise<void> => {
    for (const [at, body] of queue) await stack.client.sendDocuments(index, body, `${run}-${at}`);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

/** Waits until nothing is pending. @returns the generation then */
export async function waitUntilSettled(stack: FaultStack, index: string): Promise<number> {
  let generation = 0;
  await stack.waitFor(
    `an end of what is pending in ${index}`,
    async () => {
      const status = await stack.client.status(index);
      generation = status?.generation ?? 0;
      return status?.pending === 0;
    },
    30 * 60_000,
  );
  return generation;
}
