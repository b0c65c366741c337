import { describe, expect, it } from "vitest";
import { env, makeTestApp, NO_CATALOG, writeIndex } from "./support.ts";

const HOSTILE = `<img src=x onerror=alert(1)> "quoted" 'single' </script><script>alert(2)</script> spider \u2028`;

describe("the page", () => {
  it("shows results without a script, with matches marked and added terms apart", async () => {
    await writeIndex("page-results", [
      {
        id: "a",
        title: "Spider web",
        text: "made by a spider",
        url: "https://example.com/a?b=1&c=2",
        impacts: { fear: 200 },
      },
    ]);
    const { request } = makeTestApp(NO_CATALOG);
    const response = await request("GET", "/?index=page-results&q=fear+of+spiders");
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(html).toContain("<mark>Spider</mark> web");
    expect(html).toContain("made by a <mark>spider</mark>");
    expect(html).toContain('href="https://example.com/a?b=1&amp;c=2"');
    expect(html).toMatch(/Added by the model<\/span> <span class="chip">fear<\/span>/);
    expect(html).toMatch(/1 result in \d+ ms · 1 page/);
    expect(html).toContain('value="fear of spiders"');
  });

  it("shows whatever a document or a query holds as text", async () => {
    await writeIndex("page-hostile", [{ id: `"><i>`, title: HOSTILE, text: HOSTILE }]);
    const { request } = makeTestApp(NO_CATALOG);
    const query = encodeURIComponent(`spider"><svg onload=alert(3)>`);
    const html = await (await request("GET", `/?index=page-hostile&q=${query}`)).text();
    expect(html).toContain("spider");
    expect(html).toContain(
      "<mark>&lt;</mark>img src=x onerror=alert(1)<mark>&gt;</mark> &quot;quoted&quot; &#39;single&#39;",
    );
    const tags = [...html.matchAll(/<\/?([a-z0-9]+)/g)].map(([, name]) => name);
    expect(tags.filter((name) => name === "script")).toHaveLength(2);
    expect(tags).not.toContain("svg");
    expect(tags).not.toContain("i");
    expect(tags.filter((name) => name === "img")).toHaveLength(1);
    expect(html.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[^>]*\son[a-z]+=/);
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,<b>",
    "JaVaScRiPt:alert(1)",
    " javascript:x",
    "//evil.test",
    "/a",
  ])("makes no link of %s", async (url) => {
    const index = `page-link-${url.length}`;
    await writeIndex(index, [{ id: "a", title: "spider", text: "spider", url }]);
    const html = await (await makeTestApp(NO_CATALOG).request("GET", `/?index=${index}&q=spider`)).text();
    expect(html).toContain("<mark>spider</mark>");
    expect(html.match(/<h2>.*<\/h2>/)?.[0]).not.toContain("href");
  });

  it("has no inline code or style and no other origin", async () => {
    const html = await (await makeTestApp().request("GET", "/?index=page-results&q=spider")).text();
    expect(html).not.toMatch(/\sstyle=|<style|<script(?![^>]*\ssrc=)/);
    for (const [, address] of html.matchAll(/<(?:script|link|img|form)[^>]*(?:src|href|action)="([^"]*)"/g))
      expect(address).toMatch(/^\/(?!\/)/);
  });

  it.each([
    ["/app.client.js", "text/javascript", "Search as you type"],
    ["/app.css", "text/css", "prefers-color-scheme"],
    ["/favicon.svg", "image/svg+xml", "<svg"],
  ])("serves %s", async (path, type, content) => {
    const response = await makeTestApp().request("GET", path);
    expect(response.headers.get("content-type")).toContain(type);
    expect(await response.text()).toContain(content);
  });

  it("names its files by their content, and only those names are kept", async () => {
    const { request } = makeTestApp();
    const html = await (await request("GET", "/?index=page-results")).text();
    const address = html.match(/href="(\/app\.css\?v=[0-9a-f]{8})"/)?.[1] ?? "";
    expect((await request("GET", address)).headers.get("cache-control")).toContain("immutable");
    expect((await request("GET", "/app.css?v=00000000")).headers.get("cache-control")).toBe("no-cache");
  });

  it("offers examples for the demo, and says that it is empty", async () => {
    const { request } = makeTestApp();
    const headers = { authorization: `Bearer ${env.LZERO_WRITE_KEY}` };
    await request("PUT", "/v1/indexes/demo", { headers });
    const response = await request("GET", "/");
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(html).toContain("fear of spiders");
    expect(html).toContain("The index is empty so far.");
  });

  it.each([
    ["?index=page-nowhere", 404, "There is no such index"],
    ["?index=../x%3Cu%3E", 400, "Bad request"],
    [`?index=page-results&q=${"x".repeat(2049)}`, 400, "Bad request"],
  ])("says what is wrong with %.30s", async (parameters, status, title) => {
    const response = await makeTestApp().request("GET", `/${parameters}`);
    const html = await response.text();
    expect(response.status).toBe(status);
    expect(html).toContain(`<h2>${title}</h2>`);
    expect(html).not.toContain("<u>");
  });

  it("says that nothing was found, and why", async () => {
    await writeIndex("page-nothing", [{ id: "a", text: "spider" }]);
    const { request } = makeTestApp(NO_CATALOG);
    expect(await (await request("GET", "/?index=page-nothing&q=dog")).text()).toContain("Nothing found");
    expect(await (await request("GET", "/?index=page-nothing&q=zzz")).text()).toContain("vocabulary");
  });
});
