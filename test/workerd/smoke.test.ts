import { expect, it } from "vitest";

it("runs in workerd", () => {
  expect((globalThis as unknown as { navigator: { userAgent: string } }).navigator.userAgent).toBe(
    "Cloudflare-Workers",
  );
});
