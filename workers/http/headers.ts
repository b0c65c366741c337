/** Headers on every answer, and who may read answers from another origin's page. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../services.ts";

/** The page loads its own files alone; nothing is inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/** Gives each request an id and each answer the security headers. */
export const guardAnswers: MiddlewareHandler<AppEnv> = async (context, next) => {
  const requestId = crypto.randomUUID();
  context.set("requestId", requestId);
  await next();
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
  context.res.headers.set("x-request-id", requestId);
};

/**
 * CORS by the allow-list CORS_ORIGINS, for routes that anyone may read anyway. It controls browsers, not access: no
 * credentials are ever allowed.
 */
export const allowOrigins: MiddlewareHandler<AppEnv> = async (context, next) => {
  const allowed = (context.env.CORS_ORIGINS ?? "").split(",").map((origin) => origin.trim());
  const origin = context.req.header("origin");
  const isAllowed = origin !== undefined && (allowed.includes(origin) || allowed.includes("*"));
  if (context.req.method === "OPTIONS") {
    context.res = new Response(null, { status: 204 });
    if (isAllowed) {
      context.res.headers.set("access-control-allow-methods", "GET, POST");
      context.res.headers.set("access-control-allow-headers", "content-type");
      context.res.headers.set("access-control-max-age", "3600");
    }
  } else await next();
  context.res.headers.append("vary", "Origin");
  if (isAllowed) {
    context.res.headers.set("access-control-allow-origin", origin);
    context.res.headers.set("access-control-expose-headers", "x-request-id, server-timing");
  }
};
