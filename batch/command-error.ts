/** How the command line tells a person what went wrong: what, and what to do; a stack only when it is asked for. */
import { isLzeroError } from "../shared/errors.ts";

/** Set to anything: messages carry stacks and causes. */
export const DEBUG_VARIABLE = "LZERO_DEBUG";

export function describeError(error: unknown): string {
  if (process.env[DEBUG_VARIABLE] && error instanceof Error) return describeChain(error);
  if (isLzeroError(error)) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  return `${message}\nThis was not expected. Set ${DEBUG_VARIABLE}=1 and try again to see where it comes from.`;
}

function describeChain(error: Error): string {
  const parts: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && parts.length < 5; cause = cause.cause) {
    const code = isLzeroError(cause) ? ` [${cause.code} ${JSON.stringify(cause.details)}]` : "";
    parts.push(`${cause.stack ?? cause.message}${code}`);
  }
  return parts.join("\ncaused by: ");
}
