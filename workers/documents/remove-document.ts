/** One deletion, as the catalog takes it. */
import type { RemoveOutcome } from "../../shared/catalog/commands.ts";
import { documentKey } from "../../shared/catalog/document-key.ts";
import type { Removal } from "../backend.ts";
import type { CatalogClient } from "../catalog-client.ts";
import { chooseIngestId, hashHex } from "./ingest-id.ts";

/** @throws LzeroError `idempotency_key_invalid`, and what `remove` of the catalog names */
export async function removeDocument(
  catalog: CatalogClient,
  index: string,
  { id, version, ifVersion, idempotencyKey }: Removal,
): Promise<{ readonly outcome: RemoveOutcome; readonly generation: number }> {
  const removal = {
    id: await chooseIngestId(index, idempotencyKey),
    digest: await hashHex(new TextEncoder().encode(JSON.stringify(["DELETE", id, version, ifVersion]))),
  };
  const { generation, outcomes } = await catalog.remove({
    documents: [{ key: documentKey(id), version, ...(ifVersion === undefined ? {} : { ifVersion }) }],
    ...(idempotencyKey === null ? {} : { removal }),
  });
  return { outcome: outcomes[0]!, generation };
}
