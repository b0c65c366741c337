/**
 * What the routes take from outside, so that tests can stand in for the queue, the clock and the catalog. In: nothing.
 * Out: the services of production, and the types that routes share.
 */
import type { Context, Hono } from "hono";
import { type CatalogClient, catalogOf } from "./catalog-client.ts";
import type { Env } from "./env.ts";
import { IsolateCache } from "./isolate-cache.ts";

export interface Services {
  readonly fetch: (request: Request, init?: RequestInit) => Promise<Response>;
  readonly nowMs: () => number;
  readonly catalogOf: (env: Env, index: string) => CatalogClient;
  readonly cache: IsolateCache;
}

/** Hono's types for this app: bindings and what the middleware sets on each request. */
export interface AppEnv {
  Bindings: Env;
  Variables: { requestId: string };
}

export type App = Hono<AppEnv>;
export type AppContext = Context<AppEnv>;

/** With the plain kernel; the Worker's entry, which alone can import a compiled module, gives the cache another one. */
export const productionServices: Services = {
  fetch: (request, init) => fetch(request, init),
  nowMs: () => Date.now(),
  catalogOf,
  cache: new IsolateCache(),
};
