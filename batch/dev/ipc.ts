/**
 * How the supervisor and its children talk: configuration goes in by one environment variable (secrets never stand on
 * a command line, where every user of the machine can read them), readiness comes back by IPC, and a closed channel
 * means that the supervisor is gone.
 */
import { LzeroError } from "../../shared/errors.ts";

/** JSON of the child's configuration; a child takes it out of its environment before it starts anything else. */
export const CONFIG_VARIABLE = "LZERO_DEV_CONFIG";
/** Set for every supervised child: it ends when its supervisor does. */
export const SUPERVISED_VARIABLE = "LZERO_SUPERVISED";

/** Time for an orderly end after the supervisor is gone; then the process ends anyway. */
const ORPHAN_GRACE_MS = 10_000;

export interface ReadyMessage {
  readonly type: "ready";
  readonly ports: Readonly<Record<string, number>>;
}

export function isReadyMessage(value: unknown): value is ReadyMessage {
  return typeof value === "object" && value !== null && (value as { type?: unknown }).type === "ready";
}

/** Tells the supervisor that this child serves. */
export function reportReady(ports: Readonly<Record<string, number>>): void {
  process.send?.({ type: "ready", ports } satisfies ReadyMessage);
}

/** Takes this child's configuration. @throws LzeroError `not_supervised` when a person called the hidden command */
export function takeConfig<T>(): T {
  const json = process.env[CONFIG_VARIABLE];
  if (json === undefined || !process.connected) {
    throw new LzeroError(
      "not_supervised",
      "this command is a part of `lzero dev` and cannot run alone: use `npm start`",
    );
  }
  delete process.env[CONFIG_VARIABLE];
  return JSON.parse(json) as T;
}

/** Ends this process soon after its supervisor, in order if it can. Does nothing in a process that has none. */
export function endWithSupervisor(): void {
  if (process.env[SUPERVISED_VARIABLE] === undefined) return;
  // Gone already, while this process was loading.
  if (!process.connected) process.exit(1);
  process.once("disconnect", () => {
    setTimeout(() => process.exit(1), ORPHAN_GRACE_MS).unref();
    // With no listener the default applies, and that ends the process too.
    process.kill(process.pid, "SIGTERM");
  });
  // The channel alone keeps no process alive that has nothing left to do.
  process.channel?.unref();
}

/** Runs `stop` at SIGTERM or SIGINT, then exits. */
export function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false;
  const handle = (): void => {
    if (stopping) return;
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", handle);
  process.on("SIGINT", handle);
}
