/** A worker that computes a SHA-256: browsers do so in the thread that asks for it, and it takes as long as the resize. */

import * as Comlink from "comlink";

/** Returns the SHA-256 of bytes, in hexadecimal digits. */
export type Sha256 = (bytes: Uint8Array<ArrayBuffer>) => Promise<string>;

const sha256: Sha256 = async (bytes) => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

Comlink.expose(sha256);
