/**
 * The Worker's routes, put together. In: the services of production or of a test. Out: the app. One handler maps every
 * error to problem details.
 */
import { Hono } from "hono";
import { addFallbacks } from "./http/fallbacks.ts";
import { guardAnswers } from "./http/headers.ts";
import { openApiDocument } from "./openapi/document.ts";
import { makeOwnBackend } from "./own-backend.ts";
import { addDocumentByIdRoutes } from "./routes/document.ts";
import { addDocumentRoutes } from "./routes/documents.ts";
import { addHealthRoutes } from "./routes/health.ts";
import { addIndexRoutes } from "./routes/indexes.ts";
import { addInternalRoutes } from "./routes/internal.ts";
import { addMetricsRoutes } from "./routes/metrics.ts";
import { addPageRoutes } from "./routes/page.ts";
import { addSearchRoutes } from "./routes/search.ts";
import { type App, type AppEnv, productionServices, type Services } from "./services.ts";
import { addShardRoutes } from "./sharding/shard-routes.ts";

export function createApp(services: Services = productionServices): App {
  const backend = makeOwnBackend(services);
  const app = new Hono<AppEnv>();
  app.use(guardAnswers);

  addHealthRoutes(app, openApiDocument);
  addIndexRoutes(app, backend);
  addDocumentRoutes(app, backend);
  addDocumentByIdRoutes(app, backend);
  addSearchRoutes(app, services, backend);
  addInternalRoutes(app, services);
  addShardRoutes(app, services);
  addMetricsRoutes(app, services);
  addPageRoutes(app, services, backend);

  addFallbacks(app);
  return app;
}
