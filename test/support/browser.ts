/** Chromium for tests of the page: found, started, and watched for everything that a page must never do. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { describe } from "vitest";

const CHROMIUM_PATH = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";

/** Without the sandbox, which containers refuse, and without any traffic of the browser's own. */
const CHROMIUM_OPTIONS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A busy machine is slow; nothing waits this long when all is well. */
const ACTION_TIMEOUT_MS = 30_000;

/** A `describe` that is skipped, with the reason in its name, when there is no Chromium. */
export function describeWithBrowser(name: string, body: () => void): void {
  if (existsSync(CHROMIUM_PATH)) describe(name, body);
  else describe.skip(`${name} [skipped: no Chromium at ${CHROMIUM_PATH}; CHROMIUM_PATH names another]`, body);
}

/** A page and its faults: exceptions, dialogs, and the console's errors, breaches of the security policy among them. */
export interface WatchedPage {
  readonly page: Page;
  readonly faults: string[];
}

/** One browser; each page in a context of its own. */
export class TestBrowser {
  readonly #browser: Browser;
  #open: WatchedPage[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath: CHROMIUM_PATH, args: CHROMIUM_OPTIONS }));
  }

  async open(options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await this.#browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(ACTION_TIMEOUT_MS);
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
    });
    page.on("dialog", (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const watched = { page, faults };
    this.#open.push(watched);
    return watched;
  }

  /** Closes every page. @returns the faults of all of them */
  async closePages(): Promise<string[]> {
    const open = this.#open;
    this.#open = [];
    for (const { page } of open) await page.context().close();
    return open.flatMap(({ faults }) => faults);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
