/**
 * Relevance against a cost as SVG text. Observable Plot draws on linkedom's document, so no browser is needed; both are
 * development packages and are loaded only here. Names are escaped by the document that they are set in.
 */
import { LzeroError } from "../../shared/errors.ts";

export interface ChartPoint {
  readonly label: string;
  /** The cost. */
  readonly x: number;
  /** The relevance. */
  readonly y: number;
}

export type DrawChart = (points: readonly ChartPoint[], xLabel: string, yLabel: string) => string;

const WIDTH = 560;
const HEIGHT = 320;

/** @throws LzeroError `report_unavailable` when the packages are not installed */
export async function openChartDrawer(): Promise<DrawChart> {
  const { Plot, document } = await loadPackages();
  return (points, xLabel, yLabel) => {
    const dots = [...points];
    const svg = Plot.plot({
      document,
      width: WIDTH,
      height: HEIGHT,
      marginLeft: 56,
      marginRight: 120,
      marginBottom: 40,
      grid: true,
      ariaLabel: `${yLabel} against ${xLabel}`,
      x: { label: xLabel, zero: true, nice: true, insetRight: 20 },
      y: { label: yLabel, nice: true, inset: 16 },
      marks: [
        Plot.dot(dots, { x: "x", y: "y", fill: "label", r: 5, title: describePoint }),
        Plot.text(dots, { x: "x", y: "y", text: "label", dx: 9, textAnchor: "start", fontSize: 11 }),
      ],
    });
    return svg.outerHTML;
  };
}

function describePoint({ label, x, y }: ChartPoint): string {
  return `${label}: ${y.toFixed(4)} at ${x.toPrecision(4)}`;
}

async function loadPackages() {
  try {
    const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
    return { Plot, document: parseHTML("<!doctype html><html><body></body></html>").document };
  } catch (cause) {
    throw new LzeroError(
      "report_unavailable",
      "the report needs the packages @observablehq/plot and linkedom: npm install in a clone of the repository has them",
      {},
      cause,
    );
  }
}
