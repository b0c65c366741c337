/** Deliberate faults of the protocol. */
import type { CatalogHostOptions } from "./catalog-host.ts";
import type { PortOptions } from "./catalog-ports.ts";
import type { FaultRates } from "./faults.ts";
import type { KvOptions } from "./simulated-kv.ts";
import type { QueueOptions } from "./simulated-queue.ts";

export interface BrokenVariant {
  readonly name: string;
  readonly faults?: Partial<FaultRates>;
  readonly kv?: Pick<KvOptions, "keyOf">;
  readonly queue?: Pick<QueueOptions, "deleteOnReceive">;
  readonly host?: Partial<Pick<CatalogHostOptions, "breakStore" | "forgetsFailedPuts">>;
  readonly ports?: Partial<Pick<PortOptions, "breakLocate" | "breakCollect">>;
}
