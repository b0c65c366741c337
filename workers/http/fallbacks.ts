/** What answers where no route does, and what any error becomes. The last thing that is added to an app. */
import { LzeroError } from "../../shared/errors.ts";
import type { App } from "../services.ts";
import { describeError, logError, problemResponse } from "./problem.ts";

const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

export function addFallbacks(app: App): void {
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
}

/** Whether a path has a handler of its own for a method, beyond the middleware that every path has. */
function hasRoute(app: App, method: string, path: string): boolean {
  const [matches] = app.router.match(method, path);
  return matches.some(([[, route]]) => route.method === method);
}
