/** Addresses of the page, and which stored addresses may become links. */

/** An absolute http or https address in its normal form; null for any other, e.g. `javascript:`. */
export function linkTarget(url: string | null): string | null {
  if (url === null) return null;
  try {
    const parsed = new URL(url);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed.href : null;
  } catch {
    return null;
  }
}

export function pageAddress(index: string, query = "", offset = 0): string {
  const parameters = new URLSearchParams({ index });
  if (query !== "") parameters.set("q", query);
  if (offset > 0) parameters.set("offset", String(offset));
  return `/?${parameters}`;
}
