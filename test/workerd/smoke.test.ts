import { expect, it } from "vitest";

it("runs in workerd", () => {
  expect(globalThis.navigator.userAgent).toBe("Cloudflare-Workers");
});
