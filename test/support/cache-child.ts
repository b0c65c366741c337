/** What a second process does in tests of the encode cache: encodes texts through it with the fake encoder. */
import { pino } from "pino";
import { cacheEncoder } from "../../batch/encoders/encode-cache.ts";
import { FakeEncoder } from "./fake-encoder.ts";

const [folder, from, to] = process.argv.slice(2);
const fake = new FakeEncoder();
const encoder = await cacheEncoder(fake, { folder: folder!, logger: pino({ level: "silent" }) });
for (let at = Number(from); at < Number(to); at += 5) {
  await encoder.encode(Array.from({ length: 5 }, (_, i) => `text number ${at + i}`));
}
await encoder.close();
console.log(JSON.stringify({ encoded: fake.calls.reduce((sum, size) => sum + size, 0) }));
