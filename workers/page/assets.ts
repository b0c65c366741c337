/// <reference path="./text-modules.d.ts" />
/** The page's own files. They are served as files, so that no page needs inline code or a third party. */
import script from "./client/app.client.js";
import style from "./client/app.css";

export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

/** An L and a zero. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f5c57"/><path d="M9 7v18h14" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/><circle cx="19" cy="13" r="4" fill="none" stroke="#8fe3d6" stroke-width="3"/></svg>`;

export const ASSETS: readonly Asset[] = [
  { path: "/app.client.js", type: "text/javascript; charset=utf-8", text: script },
  { path: "/app.css", type: "text/css; charset=utf-8", text: style },
  { path: "/favicon.svg", type: "image/svg+xml", text: ICON },
];
