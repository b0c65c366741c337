/** The bindings, variables and secrets that the Worker runs with (wrangler.toml names the first two kinds). */
import type { CatalogObject } from "./catalog-object.ts";

export interface Env {
  /** Pages, manifests and query tables; key layout in shared/storage/keys.ts. */
  readonly INDEX: KVNamespace;
  /** One catalog for each index, by the index's name. */
  readonly CATALOG: DurableObjectNamespace<CatalogObject>;
  /** Secret of clients that write documents. Absent: those routes answer 503. */
  readonly LZERO_WRITE_KEY?: string;
  /** Secret of the batch job; never equal to the write key. Absent: the internal routes answer 503. */
  readonly LZERO_PUBLISH_KEY?: string;
  /** Queue URL as AWS gives it; an http loopback address in development. */
  readonly SQS_QUEUE_URL?: string;
  readonly AWS_REGION?: string;
  /** Credentials that may send to the queue and nothing else. */
  readonly AWS_ACCESS_KEY_ID?: string;
  readonly AWS_SECRET_ACCESS_KEY?: string;
  readonly AWS_SESSION_TOKEN?: string;
  /** Documents of an index that may be pending before writes are answered with 429. Default: 100,000. */
  readonly MAX_PENDING_DOCUMENTS?: string;
  /** Seconds that the oldest of them may be pending before that. Default: 86,400, a quarter of what SQS keeps them. */
  readonly MAX_PENDING_SECONDS?: string;
  /** Secret between a front and its shards, the same on all of them. Absent: a front and the shard routes answer 503. */
  readonly LZERO_SHARD_KEY?: string;
  /** Of a shard: its place among all, as "3/8". It then takes writes from its front alone. */
  readonly SHARD_PLACE?: string;
  /** Secret of a monitoring system, for the metrics routes alone. Absent: those routes answer 503. */
  readonly LZERO_METRICS_KEY?: string;
  /** How long a replaced generation can be rolled back to, and how many at most. Default: 60 minutes, 100. */
  readonly GENERATION_RETENTION_MINUTES?: string;
  readonly MAX_RETAINED_GENERATIONS?: string;
  /** How long the queue keeps a message. Default: 4 days, as SQS. */
  readonly QUEUE_RETENTION_DAYS?: string;
  /** How long deletions are remembered: longer than a message may live. Default: 30 days. */
  readonly DELETION_RETENTION_DAYS?: string;
  /** `on`: pages are kept in the data centre's cache (Cache API) before KV. Default: off. */
  readonly PAGE_CACHE?: string;
  /** Origins, separated by commas, whose pages may search from a browser; `*` for all. Default: none. */
  readonly CORS_ORIGINS?: string;
  /** Index that the page at `/` searches when its address names none. Default: demo. */
  readonly DEFAULT_INDEX?: string;
}

/** Of a front: its shards, SHARD_1 to SHARD_n without a gap (service bindings). It needs no other binding. */
export interface ShardBindings {
  readonly [name: `SHARD_${number}`]: Shard | undefined;
}

/** What a front needs of a service binding. */
export interface Shard {
  fetch(address: string, init: RequestInit): Promise<Response>;
}
