/** The Worker's entry: the HTTP app and the catalog's Durable Object. */
import { createApp } from "./app.ts";

export { CatalogObject } from "./catalog-object.ts";

const app = createApp();

// biome-ignore lint/style/noDefaultExport: the Workers runtime takes its handlers from the default export
export default app;
