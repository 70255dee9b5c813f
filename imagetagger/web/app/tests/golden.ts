/** Golden vectors, computed by Python: see tests/helpers/web_golden.py. */

import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

/** Returns a file of golden/. */
export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), "utf8")) as T;
}

/** Returns bytes that were packed for JSON. */
export function unpacked(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(inflateSync(Buffer.from(text, "base64")));
}
