/** `/healthz` says that the Worker answers; `/openapi.json` says what to ask it. Neither needs a key. */
import { openApiDocument } from "../openapi/document.ts";
import type { App } from "../services.ts";

export function addHealthRoutes(app: App): void {
  app.get("/healthz", (context) => {
    context.header("cache-control", "no-store");
    return context.json({ status: "ok" });
  });

  app.get("/openapi.json", (context) => {
    context.header("cache-control", "public, max-age=300");
    return context.json(openApiDocument());
  });
}
