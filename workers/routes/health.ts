/** `/healthz` says that the Worker answers; `/openapi.json` says what to ask it. Neither needs a key. */
import type { App } from "../services.ts";

/** @param describeApi makes the description of the routes that this app has */
export function addHealthRoutes(app: App, describeApi: () => object): void {
  app.get("/healthz", (context) => {
    context.header("cache-control", "no-store");
    return context.json({ status: "ok" });
  });

  app.get("/openapi.json", (context) => {
    context.header("cache-control", "public, max-age=300");
    return context.json(describeApi());
  });
}
