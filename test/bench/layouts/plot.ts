/** The laboratory's one picture: document reads of ten hits by page size, for each order and collection. Rows → SVG text. */
import type { OrderRow } from "./sections/order.ts";

const WIDTH = 720;
const HEIGHT = 360;

/** @param rows of the order section, all collections */
export async function plotOrder(rows: readonly OrderRow[]): Promise<string> {
  const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const points = rows
    .filter(({ deflated }) => !deflated)
    .map(({ collection, order, pageKiB, reads }) => ({
      collection,
      order,
      pageKiB,
      reads: reads.short!.mean,
    }));
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 48,
    marginBottom: 40,
    grid: true,
    ariaLabel: "document pages under ten hits, by page size",
    x: { type: "log", base: 2, label: "document page, KiB", tickFormat: (kib: number) => `${kib}` },
    y: { label: "document reads of a short query, mean", domain: [0, 10] },
    fx: { label: null },
    color: { legend: false, domain: ["given", "clustered"], range: ["#9a6700", "#0969da"] },
    marks: [
      Plot.frame({ stroke: "#d0d7de" }),
      Plot.line(points, { x: "pageKiB", y: "reads", stroke: "order", fx: "collection", strokeWidth: 2 }),
      Plot.dot(points, { x: "pageKiB", y: "reads", fill: "order", fx: "collection", r: 3 }),
      Plot.text(
        points,
        Plot.selectLast({
          x: "pageKiB",
          y: "reads",
          z: "order",
          fx: "collection",
          text: "order",
          dy: -9,
          textAnchor: "end",
        }),
      ),
    ],
  });
  // An old engine's spelling of the line before it.
  const text = svg.outerHTML.replace(/\s*height: intrinsic;/, "");
  // As a file of its own an SVG must name its namespace, and has no page behind it.
  const rooted = text.includes("xmlns=")
    ? text
    : text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  return `${rooted.replace(/(<svg[^>]*>)/, '$1<rect width="100%" height="100%" fill="white"/>')}\n`;
}
