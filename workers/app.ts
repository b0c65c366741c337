/**
 * The Worker's routes, put together. In: the services of production or of a test. Out: the app. One handler maps every
 * error to problem details.
 */
import { Hono } from "hono";
import { LzeroError } from "../shared/errors.ts";
import { guardAnswers } from "./http/headers.ts";
import { describeError, logError, problemResponse } from "./http/problem.ts";
import { addDocumentByIdRoutes } from "./routes/document.ts";
import { addDocumentRoutes } from "./routes/documents.ts";
import { addHealthRoutes } from "./routes/health.ts";
import { addIndexRoutes } from "./routes/indexes.ts";
import { addInternalRoutes } from "./routes/internal.ts";
import { addMetricsRoutes } from "./routes/metrics.ts";
import { addPageRoutes } from "./routes/page.ts";
import { addSearchRoutes } from "./routes/search.ts";
import { type App, type AppEnv, productionServices, type Services } from "./services.ts";

const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

export function createApp(services: Services = productionServices): App {
  const app = new Hono<AppEnv>();
  app.use(guardAnswers);

  addHealthRoutes(app);
  addIndexRoutes(app, services);
  addDocumentRoutes(app, services);
  addDocumentByIdRoutes(app, services);
  addSearchRoutes(app, services);
  addInternalRoutes(app, services);
  addMetricsRoutes(app, services);
  addPageRoutes(app, services);

  app.notFound((context) => {
    const allowed = METHODS.filter((method) => hasRoute(app, method, context.req.path));
    const error =
      allowed.length === 0
        ? new LzeroError("route_not_found", "there is nothing at this address")
        : new LzeroError("method_not_allowed", `this address takes ${allowed.join(", ")}`, { allowed });
    const response = problemResponse(describeError(error, context.get("requestId")).problem);
    if (allowed.length > 0) response.headers.set("allow", allowed.join(", "));
    return response;
  });

  app.onError((error, context) => {
    const requestId = context.get("requestId");
    const { problem, isOurFault } = describeError(error, requestId);
    // The path may hold a document's id but never the query: that is in the parameters.
    if (isOurFault) logError(error, requestId, `${context.req.method} ${context.req.path}`);
    return problemResponse(problem);
  });

  return app;
}

/** Whether a path has a handler of its own for a method, beyond the middleware that every path has. */
function hasRoute(app: App, method: string, path: string): boolean {
  const [matches] = app.router.match(method, path);
  return matches.some(([[, route]]) => route.method === method);
}
