import { createSHA256, type IHasher } from "hash-wasm"; // crypto.subtle has no streams, and is absent without HTTPS

let loaded: Promise<IHasher> | undefined;

/** Returns the hasher that all pictures share, one after the other: each of its own would hold WebAssembly memory. */
export function sha256(): Promise<IHasher> {
  loaded ??= createSHA256();
  return loaded;
}

/** Begins a picture's id: its digest, once all upright RGB rows were added, is that of lessons.picture_id. */
export function beginId(hasher: IHasher, width: number, height: number): IHasher {
  return hasher.init().update(`${height} ${width}\n`);
}
