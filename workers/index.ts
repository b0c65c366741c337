/** The Worker's entry: the HTTP app, or that of a front where there are shards, and the catalog's Durable Object. */
import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { createFrontApp } from "./sharding/front-app.ts";
import { isFront } from "./sharding/shard-bindings.ts";

export { CatalogObject } from "./catalog-object.ts";

const app = createApp();
const front = createFrontApp();

// biome-ignore lint/style/noDefaultExport: the Workers runtime takes its handlers from the default export
export default {
  fetch: (request, env, context) => (isFront(env) ? front : app).fetch(request, env, context),
} satisfies ExportedHandler<Env>;
