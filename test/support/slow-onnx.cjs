/**
 * A slow model for fault tests: a process that starts with `node --require` of this file waits FAULT_TEST_SLOW_MS over
 * any batch with the token FAULT_TEST_SLOW_AT. Worker threads and the encoder's own process inherit it. Nothing of it is
 * part of the product.
 */
const { InferenceSession } = require("onnxruntime-node");

const slowAt = Number(process.env.FAULT_TEST_SLOW_AT);
const slowMs = Number(process.env.FAULT_TEST_SLOW_MS);
const run = InferenceSession.prototype.run;

InferenceSession.prototype.run = async function runSlowly(feeds, ...rest) {
  if (feeds.token_ids.data.includes(slowAt)) await new Promise((resolve) => setTimeout(resolve, slowMs));
  return run.call(this, feeds, ...rest);
};
