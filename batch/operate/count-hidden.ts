/** What one generation has and another has not, gathered from the catalog part by part. */
import type { CompareRequest, DifferentDocument } from "../../shared/catalog/history-commands.ts";
import { MAX_COMPARED } from "../../shared/catalog/history-commands.ts";
import type { HistoryPort } from "../catalog-port.ts";

export interface HiddenCount {
  /** Documents that the other generation has at another version. */
  readonly older: number;
  /** Documents that it has not at all. */
  readonly gone: number;
}

/** @throws LzeroError `generation_not_found`, `generation_collected` */
export async function* differences(
  catalog: Pick<HistoryPort, "compare">,
  of: number,
  against: number,
): AsyncGenerator<DifferentDocument> {
  let after: CompareRequest["after"] = null;
  do {
    const { documents, next } = await catalog.compare({ of, against, after, limit: MAX_COMPARED });
    yield* documents;
    after = next;
  } while (after !== null);
}

export async function countHidden(
  catalog: Pick<HistoryPort, "compare">,
  of: number,
  against: number,
): Promise<HiddenCount> {
  let older = 0;
  let gone = 0;
  for await (const { other } of differences(catalog, of, against)) {
    if (other === null) gone += 1;
    else older += 1;
  }
  return { older, gone };
}
