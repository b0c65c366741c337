import { describe, expect, it } from "vitest";
import { readConsumerConfig, readVariables } from "../../../batch/config.ts";

const COMPLETE = {
  LZERO_URL: "https://search.example.com",
  LZERO_PUBLISH_KEY: "publish",
  SQS_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/1/documents",
  SQS_DLQ_URL: "https://sqs.eu-central-1.amazonaws.com/1/dead",
  AWS_REGION: "eu-central-1",
  CLOUDFLARE_ACCOUNT_ID: "account",
  CLOUDFLARE_API_TOKEN: "token",
  LZERO_KV_NAMESPACE_ID: "namespace",
};

describe("readConsumerConfig", () => {
  it("returns what the environment says, with Cloudflare's API as the default", () => {
    expect(readConsumerConfig(COMPLETE)).toEqual({
      workerUrl: COMPLETE.LZERO_URL,
      publishKey: "publish",
      queueUrl: COMPLETE.SQS_QUEUE_URL,
      deadLetterQueueUrl: COMPLETE.SQS_DLQ_URL,
      region: "eu-central-1",
      sqsEndpoint: null,
      cloudflare: {
        baseUrl: "https://api.cloudflare.com/client/v4",
        accountId: "account",
        apiToken: "token",
        namespaceId: "namespace",
      },
    });
  });

  it("names every variable that is missing, empty or malformed, and no value", () => {
    const { LZERO_PUBLISH_KEY: _, ...rest } = COMPLETE;
    const environment = { ...rest, SQS_DLQ_URL: "not-a-url-but-secret", AWS_REGION: "" };
    let error: unknown;
    try {
      readConsumerConfig(environment);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: "config_invalid",
      details: { variables: ["LZERO_PUBLISH_KEY", "SQS_DLQ_URL", "AWS_REGION"] },
    });
    const { message } = error as Error;
    expect(message).toContain("LZERO_PUBLISH_KEY is missing: ");
    expect(message).toContain("SQS_DLQ_URL is malformed");
    expect(message).not.toContain("not-a-url-but-secret");
  });
});

describe("readVariables", () => {
  it("asks only for what it is asked for", () => {
    expect(readVariables({ LZERO_URL: "http://127.0.0.1:8787" }, ["LZERO_URL"])).toEqual({
      LZERO_URL: "http://127.0.0.1:8787",
    });
  });
});
