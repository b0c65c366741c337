/// <reference path="./text-modules.d.ts" />
/** The page's own files. They are served as files, so that no page needs inline code or a third party. */
import { crc32c } from "../../shared/format/crc32c.ts";
import script from "./client/app.client.js";
import style from "./client/app.css";

export interface Asset {
  readonly path: string;
  /** Path with the content's checksum, so that a browser may keep it and still never mixes two deployments. */
  readonly address: string;
  readonly type: string;
  readonly text: string;
}

/** An L and a zero. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f5c57"/><path d="M9 7v18h14" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/><circle cx="19" cy="13" r="4" fill="none" stroke="#8fe3d6" stroke-width="3"/></svg>`;

export const SCRIPT = makeAsset("/app.client.js", "text/javascript; charset=utf-8", script);
export const STYLE = makeAsset("/app.css", "text/css; charset=utf-8", style);
export const FAVICON = makeAsset("/favicon.svg", "image/svg+xml", ICON);
export const ASSETS: readonly Asset[] = [SCRIPT, STYLE, FAVICON];

function makeAsset(path: string, type: string, text: string): Asset {
  const checksum = crc32c(new TextEncoder().encode(text)) >>> 0;
  return { path, address: `${path}?v=${checksum.toString(16).padStart(8, "0")}`, type, text };
}
