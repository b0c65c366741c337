/**
 * Names of the Workers runtime that the code under test mentions in types. The runtime's own declarations cannot be
 * taken whole beside Node's: both declare URL, TextDecoder and more, differently.
 */
type KVNamespace = import("@cloudflare/workers-types/index.ts").KVNamespace;
type DurableObjectState = import("@cloudflare/workers-types/index.ts").DurableObjectState;
type DurableObjectStorage = import("@cloudflare/workers-types/index.ts").DurableObjectStorage;
/** As much of the Cache API as pages are kept with; its responses are Node's. */
interface Cache {
  match(address: string): Promise<Response | undefined>;
  put(address: string, response: Response): Promise<void>;
}
declare const caches: { open(name: string): Promise<Cache> };
type SqlStorage = import("@cloudflare/workers-types/index.ts").SqlStorage;

interface DurableObjectNamespace<Target> {
  idFromName(name: string): unknown;
  get(id: unknown): Target;
}

declare module "cloudflare:workers" {
  export abstract class DurableObject<Env> {
    protected readonly ctx: DurableObjectState;
    protected readonly env: Env;
    constructor(context: DurableObjectState, env: Env);
    alarm(): Promise<void>;
  }
}
