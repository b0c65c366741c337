import { DurableObject } from "cloudflare:workers";

export class CatalogObject extends DurableObject {}

// biome-ignore lint/style/noDefaultExport: the Workers runtime takes its handlers from the default export
export default {
  fetch(): Response {
    return new Response("Lzero");
  },
} satisfies ExportedHandler;
