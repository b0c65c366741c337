/** Sizes of JSON as it goes over the wire. In: a value or a string. Out: bytes in UTF-8. */

/** Bytes of a string in UTF-8; a lone surrogate counts three, as U+FFFD does. */
export function utf8SizeBytes(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) size += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      // A pair is four bytes for two units.
      size += 2;
      i++;
    } else size += 2;
  }
  return size;
}

/** Bytes of a value as JSON in a queue message, where U+FFFE and U+FFFF are escaped to six characters each. */
export function queuedSizeBytes(value: unknown): number {
  const json = JSON.stringify(value);
  const escaped = json.match(/[\uFFFE\uFFFF]/g)?.length ?? 0;
  return utf8SizeBytes(json) + 3 * escaped;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
