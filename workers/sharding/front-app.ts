/**
 * The routes of a front: the public ones, over shards. What belongs to one shard, its batch job's routes and its metrics,
 * is asked of that shard; here it is refused by name.
 */
import { Hono } from "hono";
import { LzeroError } from "../../shared/errors.ts";
import { addFallbacks } from "../http/fallbacks.ts";
import { guardAnswers } from "../http/headers.ts";
import { frontApiDocument } from "../openapi/document.ts";
import { addDocumentByIdRoutes } from "../routes/document.ts";
import { addDocumentRoutes } from "../routes/documents.ts";
import { addHealthRoutes } from "../routes/health.ts";
import { addIndexRoutes } from "../routes/indexes.ts";
import { addPageRoutes } from "../routes/page.ts";
import { addSearchRoutes } from "../routes/search.ts";
import { type App, type AppEnv, productionServices, type Services } from "../services.ts";
import { makeFrontBackend } from "./front-backend.ts";

export function createFrontApp(services: Services = productionServices): App {
  const backend = makeFrontBackend(services);
  const app = new Hono<AppEnv>();
  app.use(guardAnswers);

  addHealthRoutes(app, frontApiDocument);
  addIndexRoutes(app, backend);
  addDocumentRoutes(app, backend);
  addDocumentByIdRoutes(app, backend);
  addSearchRoutes(app, services, backend);
  addPageRoutes(app, services, backend);
  for (const path of ["/internal/*", "/metrics/*"]) {
    app.all(path, () => {
      const message = "this is the front of a sharded index; ask the Worker of a shard";
      throw new LzeroError("only_on_shards", message);
    });
  }

  addFallbacks(app);
  return app;
}
