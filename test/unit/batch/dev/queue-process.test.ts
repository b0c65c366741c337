import { setTimeout as sleep } from "node:timers/promises";
import {
  ChangeMessageVisibilityBatchCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
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
  it("takes messages and gives them at once to who waits for them, each to one", async () => {
    const client = makeClient(CONFIG.accessKeyId);
    const QueueUrl = queueUrl(queue.port, QUEUE_NAME);
    const receive = async () => {
      const command = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 });
      return (await client.send(command)).Messages?.map(({ Body }) => Body);
    };
    const waiting = [receive(), receive()];
    await sleep(100);
    const startedMs = Date.now();
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "körper" }));
    expect(await Promise.race(waiting)).toEqual(["körper"]);
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "2" }));
    const received = (await Promise.all(waiting)).flat().filter((body) => body !== undefined);
    expect(received.length === 2 || (await receive())?.length === 1).toBe(true);
    expect(Date.now() - startedMs).toBeLessThan(5000);
  });

  it("gives nothing to a client that is gone", async () => {
    const client = makeClient(CONFIG.accessKeyId);
    const QueueUrl = queueUrl(queue.port, QUEUE_NAME);
    const command = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 });
    await expect(client.send(command, { abortSignal: AbortSignal.timeout(200) })).rejects.toThrow();
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" }));
    await sleep(200);
    expect((await client.send(command)).Messages).toHaveLength(1);
  });

  it("moves no message by itself, however long its visibility was extended", async () => {
    const client = makeClient(CONFIG.accessKeyId);
    const QueueUrl = queueUrl(queue.port, QUEUE_NAME);
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "slow" }));
    const receive = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 1, WaitTimeSeconds: 3 });
    const [message] = (await client.send(receive)).Messages!;
    const { ReceiptHandle } = message!;
    const Entries = Array.from({ length: 10 }, (_, at) => ({
      Id: `${at}`,
      ReceiptHandle,
      VisibilityTimeout: 1,
    }));
    const heartbeats = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
    // Over a thousand: no redrive policy allows more deliveries.
    for (let at = 0; at < 101; at++) await client.send(heartbeats);
    expect((await client.send(receive)).Messages?.map(({ Body }) => Body)).toEqual(["slow"]);
    const dead = new ReceiveMessageCommand({ QueueUrl: queueUrl(queue.port, DEAD_LETTER_QUEUE_NAME) });
    expect((await client.send(dead)).Messages).toBeUndefined();
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
