import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkDocument } from "../../../../shared/messages/document-input.ts";
import {
  MAX_DOCUMENT_BYTES,
  MAX_MESSAGE_BYTES,
  TARGET_MESSAGE_BYTES,
} from "../../../../shared/messages/limits.ts";
import { packMessages } from "../../../../shared/messages/pack-messages.ts";
import { decodeQueueMessage, type QueuedDocument } from "../../../../shared/messages/queue-message.ts";
import { queuedSizeBytes, utf8SizeBytes } from "../../../../shared/messages/size.ts";

const ENVELOPE = {
  index: "a".repeat(64),
  ingestId: "0".repeat(32),
  acceptedAtMs: 1_763_884_800_000,
  traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
} as const;

describe("packMessages", () => {
  it("writes format 2 only for messages that have a conditional write", () => {
    const text = "x".repeat(TARGET_MESSAGE_BYTES / 2);
    const documents = [{}, { ifVersion: 3 }, { ifVersion: null }, {}].map(
      (condition, position): QueuedDocument => ({
        position,
        version: 9,
        id: `d${position}`,
        text,
        ...condition,
      }),
    );
    const messages = packMessages(ENVELOPE, documents).map(({ body }) => decodeQueueMessage(body));
    expect(messages.map(({ formatVersion }) => formatVersion)).toEqual([1, 2, 2, 1]);
    expect(messages.flatMap((message) => message.documents)).toEqual(documents);
  });

  it("holds every document once and in order, within the limits", () => {
    const documents = fc.array(
      fc.record({
        text: fc.string({ unit: "binary", maxLength: 40 }),
        repeat: fc.integer({ min: 1, max: 2000 }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(documents, (made) => {
        const queued = made.map(
          ({ text, repeat }, position): QueuedDocument => ({
            position,
            version: position,
            id: `d${position}`,
            text: text.toWellFormed().repeat(repeat),
          }),
        );
        const messages = packMessages(ENVELOPE, queued);
        expect(messages.flatMap(({ body }) => decodeQueueMessage(body).documents)).toEqual(queued);
        for (const { body, positions, sizeBytes } of messages) {
          expect(sizeBytes).toBe(new TextEncoder().encode(body).length);
          expect(sizeBytes).toBeLessThanOrEqual(
            positions.length === 1 ? MAX_MESSAGE_BYTES : TARGET_MESSAGE_BYTES,
          );
        }
      }),
      { numRuns: 10 },
    );
  });

  it.each(["x", "é", "\uFFFE", "\u0001", "😀"])(
    "fits any document that is let in, when it is all %j",
    (character) => {
      const rules = { versions: "external", encodedFields: ["text"] } as const;
      const sizeOf = (text: string): number =>
        queuedSizeBytes({ id: "i".repeat(512), text, version: 2 ** 53 - 1 });
      const each = sizeOf(`x${character}`) - sizeOf("x");
      const text = `x${character.repeat(Math.floor((MAX_DOCUMENT_BYTES - sizeOf("x")) / each))}`;
      const document = { id: "i".repeat(512), text, version: 2 ** 53 - 1 };
      expect(checkDocument(document, rules)).toEqual({ document });
      expect(checkDocument({ ...document, text: text + character.repeat(6) }, rules)).toMatchObject({
        fault: { code: "document_too_large", field: "text" },
      });
      const [message] = packMessages(ENVELOPE, [{ position: 499, ...document }]);
      expect(message!.sizeBytes).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
    },
  );

  it("refuses a document that fits no message", () => {
    const document = { position: 3, version: 1, id: "a", text: "x".repeat(MAX_MESSAGE_BYTES) };
    expect(() => packMessages(ENVELOPE, [document])).toThrow(
      expect.objectContaining({
        code: "message_too_large",
        details: expect.objectContaining({ position: 3 }),
      }),
    );
  });
});

describe("utf8SizeBytes", () => {
  it("is the length that TextEncoder gives", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const text = String.fromCharCode(...units);
        expect(utf8SizeBytes(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });
});
