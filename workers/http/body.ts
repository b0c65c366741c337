/** Request bodies: bounded while they arrive, of a known type, valid JSON. Trusts no header about the size. */
import type * as z from "zod";
import { LzeroError } from "../../shared/errors.ts";

/**
 * Reads a body up to a limit and stops there.
 * @throws LzeroError `body_too_large` (413)
 */
export async function readBody(
  request: Pick<Request | Response, "headers" | "body">,
  limitBytes: number,
): Promise<Uint8Array> {
  const tooLarge = (): LzeroError =>
    new LzeroError("body_too_large", `the body has more than ${limitBytes} bytes`, { limitBytes });
  if (Number(request.headers.get("content-length") ?? 0) > limitBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = request.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = (await reader.read()) as ReadableStreamReadResult<Uint8Array>;
    if (done) break;
    sizeBytes += value.byteLength;
    if (sizeBytes > limitBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
  const body = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/**
 * The media type of a request, without its parameters and in lower case.
 * @throws LzeroError `content_type_unsupported`, `content_encoding_unsupported` (415)
 */
export function requireContentType(request: Request, supported: readonly string[]): string {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new LzeroError("content_encoding_unsupported", "send the body without a content encoding", {
      encoding,
    });
  }
  const [type = "", ...parameters] = (request.headers.get("content-type") ?? "").toLowerCase().split(";");
  const charset = parameters.map((part) => part.trim()).find((part) => part.startsWith("charset="));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (!supported.includes(type.trim()) || !isUtf8) {
    const message = `send ${supported.join(" or ")} in UTF-8`;
    throw new LzeroError("content_type_unsupported", message, { supported: [...supported] });
  }
  return type.trim();
}

/**
 * Reads a JSON body and checks it.
 * @throws LzeroError `utf8_invalid`, `json_invalid`, `body_invalid` naming the field, and those of the two above
 */
export async function readJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  limitBytes: number,
): Promise<z.output<Schema>> {
  requireContentType(request, ["application/json"]);
  const bytes = await readBody(request, limitBytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw new LzeroError("utf8_invalid", "the body is not UTF-8", {}, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LzeroError("json_invalid", "the body is not JSON", {}, cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw describeZodError("body_invalid", parsed.error);
  return parsed.data;
}

/** The first complaint of Zod as an error of ours that names the field. */
export function describeZodError(code: string, error: z.ZodError): LzeroError {
  const issue = error.issues[0];
  const path = issue?.path.map(String) ?? [];
  if (issue?.code === "unrecognized_keys") path.push(...issue.keys.slice(0, 1));
  const field = path.join(".").slice(0, 200);
  return new LzeroError(code, field === "" ? (issue?.message ?? "invalid") : `${field}: ${issue?.message}`, {
    field,
  });
}
