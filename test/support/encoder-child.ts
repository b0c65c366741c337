/** What an isolated encoder's process runs in tests: the fake encoder, served over IPC. */
import { serveEncoder } from "../../batch/consume/encoder-process.ts";
import { FakeEncoder } from "./fake-encoder.ts";

if (process.argv.includes("--broken")) process.exit(3);
serveEncoder(new FakeEncoder(), process);
