/** What `lzero dlq` tells a person, or a program, of dead messages. */
import type { QueuedDocument } from "../../shared/messages/queue-message.ts";
import { cutLine } from "../inspect/table.ts";
import { formatTime } from "../operate/format-history.ts";
import type { DeadMessage } from "./dead-letter-box.ts";

const TEXT_WIDTH = 300;
/** What a message has that SQS moved: it keeps no reason. */
const MOVED = { code: "received_too_often", text: "SQS moved it: it was received too often without an end" };

export function reasonOf({ reason, fault }: DeadMessage): { readonly code: string; readonly text: string } {
  return reason ?? fault ?? MOVED;
}

interface DeadDocumentRow {
  readonly messageId: string;
  readonly sentAtMs: number;
  readonly index: string | null;
  readonly ingestId: string | null;
  readonly position: number | null;
  readonly id: string | null;
  readonly version: number | null;
  readonly code: string;
  readonly reason: string;
}

/** A row a document; one for a message that cannot be read. */
export function describeDocuments(dead: DeadMessage): DeadDocumentRow[] {
  const { messageId, sentAtMs, message } = dead;
  const { code, text: reason } = reasonOf(dead);
  const common = { messageId, sentAtMs, code, reason };
  if (message === null) {
    return [{ ...common, index: null, ingestId: null, position: null, id: null, version: null }];
  }
  const { index, ingestId } = message;
  return message.documents.map(({ position, id, version }) => ({
    ...common,
    index,
    ingestId,
    position,
    id,
    version,
  }));
}

export function toJson(dead: DeadMessage): object {
  const { messageId, sentAtMs, message, body } = dead;
  return { messageId, sentAtMs, ...reasonOf(dead), ...(message === null ? { body } : { message }) };
}

export function formatMessage(dead: DeadMessage): string {
  const { messageId, sentAtMs, message, body } = dead;
  const { code, text } = reasonOf(dead);
  const lines = [
    `message   ${messageId}`,
    `here since ${formatTime(sentAtMs)}`,
    `code      ${code}`,
    `reason    ${cutLine(text, 2 * TEXT_WIDTH)}`,
  ];
  if (message === null) return [...lines, `body      ${cutLine(body, TEXT_WIDTH)}`].join("\n");
  lines.push(
    `index     ${message.index}`,
    `ingest    ${message.ingestId}, accepted ${formatTime(message.acceptedAtMs)}`,
  );
  return [...lines, ...message.documents.map(formatDocument)].join("\n");
}

function formatDocument({ position, id, version, title, text, url, ifVersion }: QueuedDocument): string {
  const condition =
    ifVersion === undefined
      ? ""
      : ifVersion === null
        ? ", only as a new document"
        : `, only over version ${ifVersion}`;
  return [
    `document  ${cutLine(id, TEXT_WIDTH)}, version ${version}${condition}, position ${position} of its ingest`,
    ...(title === undefined ? [] : [`  title   ${cutLine(title, TEXT_WIDTH)}`]),
    ...(url === undefined ? [] : [`  url     ${cutLine(url, TEXT_WIDTH)}`]),
    `  text    ${cutLine(text, TEXT_WIDTH)}`,
  ].join("\n");
}
