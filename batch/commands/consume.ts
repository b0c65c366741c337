/**
 * `lzero consume`: from the queue into the index, until told to stop. Reads its environment, wires the parts and
 * ends in order at SIGTERM and SIGINT. `lzero encoder-process` is its helper for messages that came again.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { HttpCatalog } from "../catalog-http.ts";
import type { OpenCatalog } from "../catalog-port.ts";
import { readConsumerConfig, VARIABLES } from "../config.ts";
import { QueueConsumer } from "../consume/consumer.ts";
import { CRASH_VARIABLE, type CrashPart, readCrashPoint } from "../consume/crash-point.ts";
import { serveEncoder } from "../consume/encoder-process.ts";
import { Maintenance } from "../consume/maintenance.ts";
import { newProgress, showProgress } from "../consume/progress.ts";
import { openServedModels } from "../consume/served-models.ts";
import { ENCODE_CACHE_VARIABLE } from "../encoders/encode-cache.ts";
import { DEFAULT_MODEL, openEncoder } from "../encoders/open-encoder.ts";
import type { RetryPolicy } from "../http-retry.ts";
import { createLogger } from "../logging.ts";
import { ConsumerTelemetry } from "../metrics/consumer-telemetry.ts";
import { mergeInThread } from "../publish/merge-thread.ts";
import { Merger } from "../publish/merger.ts";
import { Publisher } from "../publish/publisher.ts";
import { openSqs } from "../queue/sqs-client.ts";
import { KvRestStore } from "../storage/kv-rest-store.ts";
import { type DeviceOptions, deviceOption, encoderOptionsOf, threadsOption } from "./device-option.ts";
import { type MemoryOptions, memoryOption } from "./memory-option.ts";

interface ConsumeOptions extends DeviceOptions, MemoryOptions {
  readonly model: string;
  readonly pollers: number;
  readonly flushSeconds: number;
  readonly flushDocuments: number;
  readonly visibilitySeconds: number;
  readonly encodeCache?: string;
  readonly metricsPort?: number;
  readonly requestTimeoutSeconds: number;
  readonly drain?: boolean;
}

const NEEDED = [
  "LZERO_URL",
  "LZERO_PUBLISH_KEY",
  "SQS_QUEUE_URL",
  "SQS_DLQ_URL",
  "AWS_REGION",
  "CLOUDFLARE_ACCOUNT_ID",
  "CLOUDFLARE_API_TOKEN",
  "LZERO_KV_NAMESPACE_ID",
] as const;

const METRICS_PORT_VARIABLE = "LZERO_METRICS_PORT";
/** A scrape waits for the catalog at most this long. */
const SCRAPE_TIMEOUT_MS = 3000;

const HELP = `
Environment:
${NEEDED.map((name) => `  ${name.padEnd(24)} ${VARIABLES[name].help}`).join("\n")}
  ${"SQS_ENDPOINT".padEnd(24)} another SQS endpoint, e.g. of an emulator (optional)
  ${"CLOUDFLARE_API_BASE_URL".padEnd(24)} ${VARIABLES.CLOUDFLARE_API_BASE_URL.help} (optional)
  ${"LZERO_LOG_LEVEL".padEnd(24)} fatal, error, warn, info or debug (optional)
  ${CRASH_VARIABLE.padEnd(24)} tests only: a step after which the process kills itself
AWS credentials are found as the AWS SDK finds them: environment, shared configuration and SSO, the role of the
container or machine; those that can be renewed are. With credentials that AWS refuses for a minute it ends, and says
so; what it held comes again. \`lzero queue init\` makes both queues. What cannot be indexed is sent to the dead-letter
queue by this command, with its reason; \`lzero dlq\` lists it.

Examples:
  lzero consume                         until Ctrl-C
  lzero consume --drain                 until the queue is empty
  lzero consume --model ./my-model --pollers 8 --threads 4`;

export function register(program: Command): void {
  program
    .command("consume")
    .summary("documents from the queue into the index")
    .description("Takes documents from the queue, encodes them and publishes them to the index.")
    .option("--model <name>", "model name or folder", DEFAULT_MODEL)
    .option("--pollers <n>", "receives under way at once, ten messages each", wholeNumber, 4)
    .option("--flush-seconds <s>", "longest wait of a document for others", positiveNumber, 5)
    .option("--flush-documents <n>", "most documents of a batch", wholeNumber, 10_000)
    .option("--visibility-seconds <s>", "how soon messages of a dead consumer come again", wholeNumber, 60)
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(
      new Option("--encode-cache <dir>", "keep vectors here and encode no text twice with one model").env(
        ENCODE_CACHE_VARIABLE,
      ),
    )
    .addOption(
      new Option("--metrics-port <port>", "Prometheus page and /healthz on this port of 127.0.0.1")
        .env(METRICS_PORT_VARIABLE)
        .argParser(portNumber),
    )
    .option(
      "--request-timeout-seconds <s>",
      "longest wait for an answer of KV or the Worker",
      positiveNumber,
      60,
    )
    .addOption(memoryOption())
    .option("--drain", "end once the queue is empty")
    .addHelpText("after", HELP)
    .action(consume);
  program
    .command("encoder-process", { hidden: true })
    .requiredOption("--model <name>", "model name or folder")
    .addOption(threadsOption())
    .addOption(deviceOption())
    .action(async ({ model, ...options }: Pick<ConsumeOptions, "model"> & DeviceOptions) => {
      const { encoder } = await openEncoder(model, encoderOptionsOf(options, console.error));
      serveEncoder(encoder, process);
    });
}

async function consume(options: ConsumeOptions): Promise<void> {
  const config = readConsumerConfig(process.env);
  const onTerminal = process.stderr.isTTY === true;
  // On a terminal the bar says what goes well.
  const logger = createLogger(onTerminal && !process.env.LZERO_LOG_LEVEL ? { level: "warn" } : {});
  const crashPoint = readCrashPoint(process.env[CRASH_VARIABLE]);
  const dyingIn = (part: CrashPart) => (crashPoint === null ? {} : { onStep: crashPoint(part) });
  if (crashPoint !== null) logger.warn({ at: process.env[CRASH_VARIABLE] }, "a test lets this process die");
  const threads = options.threads === undefined ? [] : ["--threads", `${options.threads}`];
  const models = await openServedModels({
    model: options.model,
    onnx: encoderOptionsOf(options, (text) => logger.info(text)),
    encodeCache: options.encodeCache ?? null,
    logger,
    isolated: {
      modulePath: process.argv[1]!,
      args: ["encoder-process", "--model", options.model, ...threads, "--device", options.device ?? "cpu"],
    },
  });
  const sqs = openSqs({ region: config.region, endpoint: config.sqsEndpoint });
  const progress = newProgress();
  const openCatalog =
    (retry: Partial<RetryPolicy>): OpenCatalog =>
    (index) =>
      new HttpCatalog({ origin: config.workerUrl, publishKey: config.publishKey, index, retry });
  const retry = { timeoutMs: options.requestTimeoutSeconds * 1000 };
  const telemetry = new ConsumerTelemetry({
    port: options.metricsPort ?? null,
    workerUrl: config.workerUrl,
    sqs,
    queueUrl: config.queueUrl,
    deadLetterQueueUrl: config.deadLetterQueueUrl,
    openCatalog: openCatalog(retry),
    openImpatientCatalog: openCatalog({ attempts: 1, timeoutMs: SCRAPE_TIMEOUT_MS }),
    openStore: (throttle) => new KvRestStore({ ...config.cloudflare, retry, throttle }),
    progress,
  });
  const consumer = new QueueConsumer({
    sqs,
    queueUrl: config.queueUrl,
    deadLetterQueueUrl: config.deadLetterQueueUrl,
    openCatalog: telemetry.openCatalog,
    store: telemetry.store,
    onTimed: telemetry.onTimed,
    onIndex: telemetry.onIndex,
    modelOf: models.modelOf,
    publisher: new Publisher({ logger, ...dyingIn("publish") }),
    maintenance: new Maintenance({
      merger: new Merger({
        logger,
        mergeLarge: mergeInThread(),
        ...(options.memory === undefined ? {} : { memoryBytes: options.memory }),
        ...dyingIn("merge"),
      }),
      logger,
      collector: dyingIn("collect"),
      weigher: dyingIn("weigh"),
    }),
    logger,
    progress,
    pollers: options.pollers,
    limits: { maxAgeMs: options.flushSeconds * 1000, maxDocuments: options.flushDocuments },
    visibilityTimeoutSeconds: options.visibilitySeconds,
    drain: options.drain ?? false,
  });
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, "stopping: batches under way are finished");
    void consumer.stop();
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const page = await telemetry.serve(consumer);
  logger.info(
    {
      queue: config.queueUrl,
      model: options.model,
      fingerprint: models.fingerprint,
      ...(page.port === null ? {} : { metrics: `http://127.0.0.1:${page.port}/metrics` }),
    },
    "consuming",
  );
  const hideProgress = showProgress(progress, logger, onTerminal);
  let exitCode = 0;
  try {
    await consumer.run();
  } catch (error) {
    logger.fatal({ err: error }, "ended; start it again, what it held will come again");
    exitCode = 1;
  }
  hideProgress();
  logger.info({ ...progress }, "stopped");
  await page.close();
  await models.close();
  sqs.destroy();
  // A batch that was left behind may still hold the process; it is to come again, not to be finished.
  process.exit(exitCode);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("give a whole number from 1 on");
  return value;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535)
    throw new InvalidArgumentError("a port is a number from 0 to 65535");
  return port;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 3600)) throw new InvalidArgumentError("give a number above 0");
  return value;
}
