/**
 * A fault in ONNX Runtime for crash tests: a process that starts with `node --require` of this file fails to run any
 * batch with the token CRASH_TEST_THROWS_AT, and dies of one with the token CRASH_TEST_DIES_AT. Worker threads and
 * the encoder's own process inherit it. Nothing of it is part of the product.
 */
const { InferenceSession } = require("onnxruntime-node");

const throwsAt = Number(process.env.CRASH_TEST_THROWS_AT);
const diesAt = Number(process.env.CRASH_TEST_DIES_AT);
const run = InferenceSession.prototype.run;

InferenceSession.prototype.run = function runWithFault(feeds, ...rest) {
  const ids = feeds.token_ids.data;
  if (ids.includes(diesAt)) process.kill(process.pid, "SIGKILL");
  if (ids.includes(throwsAt)) return Promise.reject(new Error("this text cannot be computed"));
  return run.call(this, feeds, ...rest);
};
