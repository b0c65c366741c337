import { describe, expect, it } from "vitest";
import { parseTraceparent, traceIdOf } from "../../../../shared/messages/trace-context.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const HEADER = `00-${TRACE_ID}-b7ad6b7169203331-01`;

describe("parseTraceparent", () => {
  it("returns a header of version 00", () => {
    expect(parseTraceparent(HEADER)).toBe(HEADER);
    expect(parseTraceparent(` ${HEADER} `)).toBe(HEADER);
    expect(traceIdOf(HEADER)).toBe(TRACE_ID);
  });

  it("returns what it knows of a later version", () => {
    expect(parseTraceparent(`cc-${HEADER.slice(3)}`)).toBe(HEADER);
    expect(parseTraceparent(`cc-${HEADER.slice(3)}-more`)).toBe(HEADER);
  });

  it.each([
    ["nothing", null],
    ["an empty one", ""],
    ["upper case", HEADER.toUpperCase()],
    ["version 00 with more", `${HEADER}-more`],
    ["the forbidden version", `ff-${HEADER.slice(3)}`],
    ["a later version with more that is not set apart", `cc-${HEADER.slice(3)}more`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-b7ad6b7169203331-01`],
    ["a parent id of zeros", `00-${TRACE_ID}-${"0".repeat(16)}-01`],
    ["a short trace id", `00-${TRACE_ID.slice(1)}-b7ad6b7169203331-01`],
    ["a very long one", `cc-${HEADER.slice(3)}-${"x".repeat(600)}`],
  ])("returns null for %s", (_, header) => {
    expect(parseTraceparent(header)).toBeNull();
    expect(traceIdOf(header)).toBeNull();
  });
});
