/**
 * An encoder in a process of its own, for messages that were received before: one of their documents may have killed
 * the consumer. When the process dies over several documents, each half of them is tried apart, and so on down to one
 * alone. Only a document over which the process dies, or says nothing for too long, twice while that document is all
 * that it was given, gives an Error in its place; so no other document can be taken for it. Nothing is
 * concluded from a process that does not come up: that is no document's fault.
 */
import { type ChildProcess, fork } from "node:child_process";
import { LzeroError } from "../../shared/errors.ts";
import type { EncodedDocument } from "../encoders/encoder.ts";
import type { EncodeAnswer, EncodeRequest } from "./encoder-process.ts";
import type { TextEncoderPort } from "./model-source.ts";
import { Mutex } from "./mutex.ts";

export interface IsolatedEncoderOptions {
  /** Script that ends in `serveEncoder`. */
  readonly modulePath: string;
  readonly args?: readonly string[];
  readonly startTimeoutMs?: number;
  /** Time that one document may take alone; several have as much together and `perDocumentMs` each. */
  readonly documentTimeoutMs?: number;
  readonly perDocumentMs?: number;
}

/** Deaths over one document alone that convict it: the first may have been anybody's (memory, an operator). */
const CONVICTING_DEATHS = 2;

type Result = EncodedDocument | Error;

export class IsolatedEncoder implements TextEncoderPort {
  readonly #options: IsolatedEncoderOptions;
  readonly #mutex = new Mutex();
  #child: ChildProcess | null = null;
  #nextRequest = 1;

  constructor(options: IsolatedEncoderOptions) {
    this.#options = options;
  }

  /** @throws LzeroError `encoder_unavailable` when the process does not come up */
  encode(texts: readonly string[], onProgress?: (done: number) => void): Promise<Result[]> {
    return this.#mutex.run(async () => {
      let done = 0;
      return await this.#encodeGroup(texts, (count) => {
        done += count;
        onProgress?.(done);
      });
    });
  }

  async close(): Promise<void> {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }

  /** Encodes texts together; when the process dies of it, each half apart, down to the ones that it dies of alone. */
  async #encodeGroup(texts: readonly string[], onDone: (count: number) => void): Promise<Result[]> {
    if (texts.length === 0) return [];
    const attempts = texts.length === 1 ? CONVICTING_DEATHS : 1;
    let outcome = await this.#attempt(texts);
    for (let attempt = 2; attempt <= attempts && !Array.isArray(outcome); attempt++) {
      outcome = await this.#attempt(texts);
    }
    if (Array.isArray(outcome) || texts.length === 1) {
      onDone(texts.length);
      return Array.isArray(outcome) ? outcome : [outcome];
    }
    const middle = texts.length >> 1;
    return [
      ...(await this.#encodeGroup(texts.slice(0, middle), onDone)),
      ...(await this.#encodeGroup(texts.slice(middle), onDone)),
    ];
  }

  /** @returns results, or an Error that says how the process ended */
  async #attempt(texts: readonly string[]): Promise<Result[] | LzeroError> {
    this.#child ??= await this.#start();
    const child = this.#child;
    const request: EncodeRequest = { request: this.#nextRequest++, texts };
    const { documentTimeoutMs = 60_000, perDocumentMs = 1000 } = this.#options;
    const timeoutMs = documentTimeoutMs + perDocumentMs * (texts.length - 1);
    const outcome = await new Promise<Result[] | LzeroError>((resolve) => {
      const end = (value: Result[] | LzeroError) => {
        clearTimeout(timer);
        child.off("message", onMessage).off("exit", onExit).off("error", onError);
        resolve(value);
      };
      const timer = setTimeout(
        () =>
          end(new LzeroError("encoder_timeout", `encoding took longer than ${timeoutMs} ms`, { timeoutMs })),
        timeoutMs,
      );
      const onMessage = (answer: EncodeAnswer) => {
        if (!("request" in answer) || answer.request !== request.request) return;
        end(
          answer.results.map((result) =>
            "code" in result ? new LzeroError(result.code, result.message) : result,
          ),
        );
      };
      const onExit = (exitCode: number | null, signal: string | null) =>
        end(
          new LzeroError(
            "encoder_crashed",
            `the encoder process died of it (${signal ?? `exit code ${exitCode}`})`,
            {
              exitCode,
              signal,
            },
          ),
        );
      const onError = (cause: Error) => end(new LzeroError("encoder_crashed", cause.message, {}, cause));
      child.on("message", onMessage).on("exit", onExit).on("error", onError);
      child.send(request, (error) => {
        if (error) onError(error);
      });
    });
    if (outcome instanceof LzeroError) {
      this.#child = null;
      child.kill("SIGKILL");
    }
    return outcome;
  }

  async #start(): Promise<ChildProcess> {
    const { modulePath, args = [], startTimeoutMs = 120_000 } = this.#options;
    const child = fork(modulePath, [...args], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: withoutSecrets(process.env),
    });
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`not ready in ${startTimeoutMs} ms`)),
          startTimeoutMs,
        );
        child.once("message", () => {
          clearTimeout(timer);
          resolve();
        });
        child.once("exit", (exitCode, signal) => {
          clearTimeout(timer);
          reject(new Error(`ended with ${signal ?? `exit code ${exitCode}`} before it was ready`));
        });
        child.once("error", reject);
      });
    } catch (cause) {
      child.kill("SIGKILL");
      const reason = cause instanceof Error ? cause.message : "unknown";
      throw new LzeroError("encoder_unavailable", `the encoder process did not start: ${reason}`, {}, cause);
    }
    child.removeAllListeners("exit").removeAllListeners("error");
    // It may also end between two requests; the next one then starts another.
    child.once("exit", () => {
      if (this.#child === child) this.#child = null;
    });
    // It must not keep the consumer alive, nor crash it by an error that nobody listens to.
    child.on("error", () => undefined);
    return child;
  }
}

/** Keys are of no use to an encoder, and it is the process that meets hostile texts. */
function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const secret = /^AWS_|^LZERO_SUPERVISED$|(KEY|TOKEN|SECRET|PASSWORD)/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secret.test(name)));
}
