/** `lzero queue init` against the SQS emulator. */
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type QueueInitOptions, type QueuePorts, runQueueInit } from "../../../../batch/commands/queue.ts";
import { checkPlan, DEFAULT_PLAN, findDifferences } from "../../../../batch/queue/queue-plan.ts";
import { LocalQueue } from "../../../support/local-queue.ts";

const OPTIONS: QueueInitOptions = {
  name: "papers",
  region: "us-east-1",
  maxReceiveCount: 4,
  retentionDays: 4,
  dlqRetentionDays: 14,
  visibilitySeconds: 120,
};

describe("lzero queue init", () => {
  let queue: LocalQueue;
  let printed: string[];
  let ports: QueuePorts;
  beforeEach(async () => {
    queue = await LocalQueue.start();
    printed = [];
    ports = {
      open: () => Object.assign(Object.create(queue.sqs), { destroy: () => undefined }),
      print: (text) => printed.push(text),
      environment: {},
    };
  });
  afterEach(() => queue.stop());

  const init = (options: Partial<QueueInitOptions> = {}) => runQueueInit({ ...OPTIONS, ...options }, ports);
  async function attributesOf(name: string): Promise<Record<string, string>> {
    const { QueueUrl } = await queue.sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] });
    return (await queue.sqs.send(command)).Attributes!;
  }

  it("makes both queues with retention, visibility and a redrive policy, and says how to use them", async () => {
    expect(await init()).toBe(0);
    const dead = await attributesOf("papers-dead");
    expect(dead.MessageRetentionPeriod).toBe("1209600");
    const made = await attributesOf("papers");
    expect(made).toMatchObject({
      MessageRetentionPeriod: "345600",
      VisibilityTimeout: "120",
      ReceiveMessageWaitTimeSeconds: "20",
    });
    expect(JSON.parse(made.RedrivePolicy!)).toMatchObject({ deadLetterTargetArn: dead.QueueArn });
    expect(Number(JSON.parse(made.RedrivePolicy!).maxReceiveCount)).toBe(4);
    expect(printed[0]).toContain("papers: made");
    expect(printed[0]).toMatch(/^SQS_QUEUE_URL=http:.*\/papers$/m);
    expect(printed[0]).toMatch(/^SQS_DLQ_URL=http:.*\/papers-dead$/m);
  });

  it("changes nothing the second time", async () => {
    await init();
    const before = await Promise.all(["papers", "papers-dead"].map(attributesOf));
    expect(await init()).toBe(0);
    expect(printed[1]).toMatch(/^Both queues are there and as planned\.$/m);
    expect(await Promise.all(["papers", "papers-dead"].map(attributesOf))).toEqual(before);
  });

  it("shows how an existing queue differs, and changes it only when told", async () => {
    await init();
    const { QueueUrl } = await queue.sqs.send(new GetQueueUrlCommand({ QueueName: "papers" }));
    const other = { VisibilityTimeout: "30", DelaySeconds: "7" };
    await queue.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: other }));
    expect(await init({ maxReceiveCount: 5 })).toBe(1);
    const lines = printed[1]!.split("\n").map((line) => line.trim().replace(/ {2,}/g, " | "));
    expect(lines).toContain("papers | VisibilityTimeout | 30 | 120");
    expect(lines.some((line) => line.startsWith("papers | RedrivePolicy | {"))).toBe(true);
    expect(lines).toContain("Nothing was changed: --update changes these.");
    expect(await attributesOf("papers")).toMatchObject({ VisibilityTimeout: "30" });
    expect(await init({ maxReceiveCount: 5, update: true, dryRun: true })).toBe(1);
    expect(await init({ maxReceiveCount: 5, update: true })).toBe(0);
    expect(await attributesOf("papers")).toMatchObject({
      VisibilityTimeout: "120",
      DelaySeconds: "7",
    });
    expect(await init({ maxReceiveCount: 5 })).toBe(0);
  });

  it("makes nothing in a dry run", async () => {
    expect(await init({ dryRun: true, name: "other" })).toBe(0);
    expect(printed[0]).toBe("other-dead: would be made\nother: would be made");
    await expect(attributesOf("other")).rejects.toMatchObject({ name: "QueueDoesNotExist" });
  });

  it("prints JSON, and needs a region", async () => {
    await init({ json: true });
    expect(JSON.parse(printed[0]!)).toMatchObject({
      region: "us-east-1",
      created: ["papers-dead", "papers"],
      differences: [],
    });
    const { region: _, ...withoutRegion } = OPTIONS;
    await expect(runQueueInit(withoutRegion, ports)).rejects.toMatchObject({ code: "config_invalid" });
  });

  it.each([
    [{ maxReceiveCount: 1 }, "maxReceiveCount"],
    [{ maxReceiveCount: 6 }, "maxReceiveCount"],
    [{ dlqRetentionDays: 4 }, "longer"],
    [{ retentionDays: 15 }, "1 to 14"],
    [{ retentionDays: 14 }, "longer"],
    [{ visibilitySeconds: 43_201 }, "visibility"],
    [{ name: "a/b" }, "name"],
    [{ name: "papers.fifo" }, "name"],
    [{ name: "same", dlqName: "same" }, "two names"],
  ])("refuses %j before it asks AWS", async (options, what) => {
    const error = { code: "queue_plan_invalid", message: expect.stringContaining(what) };
    await expect(init(options)).rejects.toMatchObject(error);
  });
});

describe("findDifferences", () => {
  it("reads redrive policies as AWS writes them", () => {
    const wanted = { RedrivePolicy: '{"deadLetterTargetArn":"arn:x","maxReceiveCount":4}' };
    const aws = { RedrivePolicy: '{"maxReceiveCount":"4","deadLetterTargetArn":"arn:x"}' };
    expect(findDifferences("q", wanted, aws)).toEqual([]);
    expect(findDifferences("q", wanted, { RedrivePolicy: "{" })).toHaveLength(1);
    expect(findDifferences("q", wanted, {})).toMatchObject([{ is: null }]);
  });

  it("finds the default plan sound", () => {
    expect(() => checkPlan({ ...DEFAULT_PLAN, name: "a", deadLetterName: "b" })).not.toThrow();
  });
});
