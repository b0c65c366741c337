import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeServer, listenOnLoopback } from "../../../../batch/dev/loopback.ts";
import {
  DEAD_LETTER_QUEUE_NAME,
  QUEUE_NAME,
  queueUrl,
  startQueueServer,
} from "../../../../batch/dev/queue-process.ts";

const CONFIG = { port: 0, region: "us-east-1", accessKeyId: "LZEROTESTACCESSKEY" };
let queue: Awaited<ReturnType<typeof startQueueServer>>;
beforeEach(async () => {
  queue = await startQueueServer(CONFIG);
});
afterEach(() => closeServer(queue.server));

const makeClient = (accessKeyId: string) =>
  new SQSClient({
    region: CONFIG.region,
    endpoint: `http://127.0.0.1:${queue.port}`,
    credentials: { accessKeyId, secretAccessKey: "unused" },
    maxAttempts: 1,
  });

describe("startQueueServer", () => {
  it("takes and gives messages, and moves one to the dead-letter queue after four deliveries", async () => {
    const client = makeClient(CONFIG.accessKeyId);
    await client.send(
      new SendMessageCommand({ QueueUrl: queueUrl(queue.port, QUEUE_NAME), MessageBody: "körper" }),
    );
    const receive = async (name: string) => {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl(queue.port, name),
        WaitTimeSeconds: 3,
        VisibilityTimeout: 1,
      });
      return (await client.send(command)).Messages?.map(({ Body }) => Body);
    };
    for (let delivery = 1; delivery <= 4; delivery++) expect(await receive(QUEUE_NAME)).toEqual(["körper"]);
    expect(await receive(DEAD_LETTER_QUEUE_NAME)).toEqual(["körper"]);
  });

  it("serves no signer with another key, and nobody without", async () => {
    const send = new SendMessageCommand({ QueueUrl: queueUrl(queue.port, QUEUE_NAME), MessageBody: "x" });
    await expect(makeClient("ANOTHERACCESSKEYID00").send(send)).rejects.toThrow();
    const response = await fetch(`http://127.0.0.1:${queue.port}/`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "Action=ListQueues",
    });
    expect(response.status).toBe(403);
  });
});

describe("listenOnLoopback", () => {
  it("says that a port is in use, and what to do", async () => {
    await expect(listenOnLoopback(queue.port, async () => undefined)).rejects.toMatchObject({
      code: "port_in_use",
      message: expect.stringContaining("--port"),
    });
  });
});
