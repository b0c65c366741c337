/**
 * The two sides' talk between a consumer and its encoder process, over Node's IPC channel with structured clone:
 *
 *     process → consumer   {ready: true}                  once the model is loaded
 *     consumer → process   {request, texts}
 *     process → consumer   {request, results}             one per text: a vector, or {code, message}
 */
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import type { EncodedDocument } from "../encoders/encoder.ts";
import type { TextEncoderPort } from "./model-source.ts";

export interface EncodeRequest {
  readonly request: number;
  readonly texts: readonly string[];
}

export interface EncodeFailure {
  readonly code: string;
  readonly message: string;
}

export type EncodeAnswer =
  | { readonly ready: true }
  | { readonly request: number; readonly results: readonly (EncodedDocument | EncodeFailure)[] };

/**
 * Serves encode requests of the parent process until it goes away.
 * @param channel `process` of a forked child
 */
export function serveEncoder(encoder: TextEncoderPort, channel: NodeJS.Process): void {
  const send = channel.send?.bind(channel);
  if (send === undefined) {
    throw new LzeroError("encoder_process_alone", "an encoder process is started by a consumer, not by hand");
  }
  channel.on("disconnect", () => channel.exit(0));
  channel.on("message", ({ request, texts }: EncodeRequest) => {
    encoder.encode(texts).then(
      (results) => {
        const answer: EncodeAnswer = { request, results: results.map(toMessage) };
        send(answer);
      },
      (error: unknown) => {
        // An encoder that gave up as a whole is of no more use: dying says so, as a crash does.
        channel.stderr.write(
          `encoder process: ${error instanceof Error ? error.message : "unknown failure"}\n`,
        );
        channel.exit(1);
      },
    );
  });
  // Between two requests nothing else keeps this process alive.
  channel.channel?.ref();
  const ready: EncodeAnswer = { ready: true };
  send(ready);
}

function toMessage(result: EncodedDocument | Error): EncodedDocument | EncodeFailure {
  if (!(result instanceof Error)) return result;
  return { code: isLzeroError(result) ? result.code : "encoder_failed", message: result.message };
}
