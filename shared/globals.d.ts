/**
 * The only platform names that `shared/` may use beside ECMAScript's own: both Node and workerd have them.
 * (`shared/tsconfig.json` loads no DOM, Node or Workers types, so that any other one is a compile error.)
 */
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: Uint8Array): string;
}
