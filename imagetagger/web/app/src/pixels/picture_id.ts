import * as Comlink from "comlink";
import { createSHA256, type IHasher } from "hash-wasm";
import type { Sha256 } from "./sha256_worker";
import { inThread } from "./thread";

/** Takes all upright RGB rows of a picture; the digest is that of tagger/lessons.py's picture_id. */
export interface PictureDigest {
  update(rows: Uint8Array): void;
  digest(): Promise<string>;
}

/** Bytes of a picture that is hashed at once, beside other work: smaller ones are quick, larger ones take much memory. */
const [AT_ONCE_FROM, AT_ONCE_TO] = [4 * 2 ** 20, 64 * 2 ** 20];

/** Begins a picture's id. */
export function beginId(width: number, height: number): Promise<PictureDigest> {
  const head = new TextEncoder().encode(`${height} ${width}\n`);
  const bytes = head.length + width * height * 3;
  const isAtOnce = bytes >= AT_ONCE_FROM && bytes <= AT_ONCE_TO && crypto.subtle !== undefined; // not without HTTPS
  return isAtOnce ? Promise.resolve(atOnce(head, bytes)) : inParts(head);
}

/** Hashes in a thread of its own, by the processor's instructions for it. */
function atOnce(head: Uint8Array, bytes: number): PictureDigest {
  const all = new Uint8Array(bytes);
  all.set(head);
  let end = head.length;
  return {
    update(rows) {
      all.set(rows, end);
      end += rows.length;
    },
    digest() {
      return sha256(Comlink.transfer(all, [all.buffer]));
    },
  };
}

const sha256 = inThread<Sha256>(() => new Worker(new URL("./sha256_worker.ts", import.meta.url)));

/** Hashes rows as they come, as crypto.subtle does not. */
async function inParts(head: Uint8Array): Promise<PictureDigest> {
  const hasher = unused.pop() ?? (await createSHA256());
  hasher.init().update(head);
  return {
    update: (rows) => void hasher.update(rows),
    async digest() {
      unused.push(hasher);
      return hasher.digest();
    },
  };
}

const unused: IHasher[] = []; // each new one would take WebAssembly memory
