import { describe, expect, it } from "vitest";
import { cutLine, formatTable } from "../../../../batch/inspect/table.ts";

describe("formatTable", () => {
  it("aligns names at the left, numbers at the right, and cuts wide cells", () => {
    const columns = [{ name: "piece", maxWidth: 6 }, { name: "count", isNumber: true }, { name: "from" }];
    const rows = [
      ["fear", "1,234", "own"],
      ["spiderweb", "5", ""],
    ];
    expect(formatTable(columns, rows).split("\n")).toEqual([
      "piece   count  from",
      "fear    1,234  own",
      "spide…      5",
    ]);
  });
});

describe("cutLine", () => {
  it("cuts between characters, never within one", () => {
    expect(cutLine("🕷🕷🕷🕷", 3)).toBe("🕷🕷…");
    expect(cutLine("🕷🕷🕷", 3)).toBe("🕷🕷🕷");
  });

  it("lets no control or direction character through to the terminal", () => {
    expect(cutLine("a\u001b[31mb\nc\u2028d\u202Ee\u0000", 99)).toBe("a [31mb c d e ");
  });
});
