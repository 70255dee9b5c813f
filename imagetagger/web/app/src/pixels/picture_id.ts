import { createSHA256, type IHasher } from "hash-wasm"; // crypto.subtle has no streams, and is absent without HTTPS

let loaded: Promise<IHasher> | undefined;

/** Returns the hasher that all pictures share in turn: each new one would take WebAssembly memory. */
export function sha256(): Promise<IHasher> {
  loaded ??= createSHA256();
  return loaded;
}

/** Begins a picture's id: after all upright RGB rows were added, the digest is that of tagger/lessons.py's picture_id. */
export function beginId(hasher: IHasher, width: number, height: number): IHasher {
  return hasher.init().update(`${height} ${width}\n`);
}
