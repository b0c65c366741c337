/**
 * The log of the batch side: JSON lines on standard error, readable lines when that is a terminal. Errors keep their
 * code and details; whatever looks like a key or a token is cut out, should one ever get that far.
 */
import { createRequire } from "node:module";
import { type Logger, pino, stdSerializers, stdTimeFunctions } from "pino";

export type { Logger };

export interface LoggerOptions {
  /** fatal, error, warn, info, debug, trace or silent. */
  readonly level?: string;
  readonly pretty?: boolean;
}

/** Makes the process's logger; `LZERO_LOG_LEVEL` sets its level (info). */
export function createLogger(options: LoggerOptions = {}): Logger {
  const level = options.level ?? process.env.LZERO_LOG_LEVEL ?? "info";
  const settings = {
    level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: stdSerializers.err },
    redact: {
      paths: [
        "apiToken",
        "publishKey",
        "writeKey",
        "*.apiToken",
        "*.publishKey",
        "*.writeKey",
        "headers.authorization",
      ],
      censor: "[secret]",
    },
  };
  if ((options.pretty ?? process.stderr.isTTY === true) && hasPrettyPrinter()) {
    return pino({
      ...settings,
      transport: {
        target: "pino-pretty",
        options: { destination: 2, ignore: "pid", translateTime: "HH:MM:ss" },
      },
    });
  }
  return pino(settings, pino.destination({ dest: 2, sync: true }));
}

/** The pretty printer is for development: an installation without it logs JSON. */
function hasPrettyPrinter(): boolean {
  try {
    createRequire(import.meta.url).resolve("pino-pretty");
    return true;
  } catch {
    return false;
  }
}
