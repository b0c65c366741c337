/// <reference path="./wasm-modules.d.ts" />
/** The Worker's entry: the HTTP app, or that of a front where there are shards, and the catalog's Durable Object. */
import windowLoops from "../dist/kernel/window-loops.wasm";
import { createWasmKernel } from "../shared/query/kernel/wasm-kernel.ts";
import { createWindowed } from "../shared/query/windowed.ts";
import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { CACHE_BUDGET_BYTES, IsolateCache } from "./isolate-cache.ts";
import { productionServices } from "./services.ts";
import { createFrontApp } from "./sharding/front-app.ts";
import { isFront } from "./sharding/shard-bindings.ts";

export { CatalogObject } from "./catalog-object.ts";

const algorithm = createWindowed(createWasmKernel(new WebAssembly.Instance(windowLoops).exports));
const services = { ...productionServices, cache: new IsolateCache(CACHE_BUDGET_BYTES, algorithm) };
const app = createApp(services);
const front = createFrontApp(services);

// biome-ignore lint/style/noDefaultExport: the Workers runtime takes its handlers from the default export
export default {
  fetch: (request, env, context) => (isFront(env) ? front : app).fetch(request, env, context),
} satisfies ExportedHandler<Env>;
