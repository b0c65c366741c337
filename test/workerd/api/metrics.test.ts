import { describe, expect, it } from "vitest";
import { METRICS_KEY, makeTestApp, WRITE, writeIndex } from "./support.ts";

const METRICS = { authorization: `Bearer ${METRICS_KEY}` };

function readSamples(text: string): Record<string, number> {
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    samples.map((line) => {
      const [, name = "", value = ""] = /^(\S+) (\S+)$/.exec(line)!;
      return [name, Number(value)];
    }),
  );
}

describe("GET /metrics/indexes/{index}", () => {
  it("tells of pending documents, segments and generations in Prometheus' format", async () => {
    const { request, clock } = makeTestApp();
    const headers = { ...WRITE, "content-type": "application/json" };
    await request("PUT", "/v1/indexes/metrics-a", { headers, body: "{}" });
    await request("POST", "/v1/indexes/metrics-a/documents", { headers, body: '[{"id":"a","text":"t"}]' });
    clock.nowMs += 60_000;
    const response = await request("GET", "/metrics/indexes/metrics-a", { headers: METRICS });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const text = await response.text();
    const samples = readSamples(text);
    expect(samples).toMatchObject({
      'lzero_documents{index="metrics-a"}': 0,
      'lzero_pending_documents{index="metrics-a"}': 1,
      'lzero_segments{index="metrics-a"}': 0,
      'lzero_generation{index="metrics-a"}': 0,
      'lzero_edge_generation{index="metrics-a"}': 0,
    });
    expect(samples['lzero_oldest_pending_seconds{index="metrics-a"}']).toBeGreaterThan(59);
    for (const name of Object.keys(samples))
      expect(text).toContain(`# TYPE ${name.slice(0, name.indexOf("{"))} gauge\n`);
  });

  it("says what this location answers from, which may be older", async () => {
    const { request } = makeTestApp();
    const headers = { ...WRITE, "content-type": "application/json" };
    await request("PUT", "/v1/indexes/metrics-b", { headers, body: "{}" });
    const { createdAtMs } = await writeIndex("metrics-b", [{ id: "a", text: "spider" }], 7);
    const response = await request("GET", "/metrics/indexes/metrics-b", { headers: METRICS });
    const samples = readSamples(await response.text());
    expect(samples['lzero_edge_generation{index="metrics-b"}']).toBe(7);
    const ageSeconds = samples['lzero_edge_generation_age_seconds{index="metrics-b"}']!;
    expect(ageSeconds).toBeCloseTo((Date.now() - createdAtMs) / 1000, -2);
  });

  it("is 404 for an index that is not there", async () => {
    const response = await makeTestApp().request("GET", "/metrics/indexes/none", { headers: METRICS });
    expect(response.status).toBe(404);
  });
});
