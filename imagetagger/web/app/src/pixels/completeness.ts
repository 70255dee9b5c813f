import { createCRC32 } from "hash-wasm";
import { BadImageError, DAMAGED } from "./sniff";

/** Refuses a truncated file, as Python does. Chromium's decoders do so too; others decode what there is. */
export function checkComplete(bytes: Uint8Array, type: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ended = ENDED[type];
  if (ended && !ended(view, bytes)) throw new BadImageError(DAMAGED);
}

/** Returns a JPEG or PNG that lacks only its end marker with that marker; nothing for a complete picture.
 * Whether a JPEG lacks more shows only when it is decoded: decoders invent what is missing from what follows. So if the
 * pixels of the second file, which has other bytes before the marker, differ from those of the first, it is truncated. */
export async function mendEnd(bytes: Uint8Array, type: string): Promise<Blob[]> {
  try {
    checkComplete(bytes, type);
    return [];
  } catch (error) {
    if (type === "jpeg") return withEndOfJpeg(bytes);
    if (type === "png") return [await withEndOfPng(bytes)];
    throw error;
  }
}

function withEndOfJpeg(bytes: Uint8Array): Blob[] {
  const own = bytes.slice(0, bytes[bytes.length - 1] === 0xff ? -1 : undefined);
  const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * i * 31 + i * 7) % 255); // without 0xFF, of markers
  const end = Uint8Array.of(0xff, 0xd9);
  return [new Blob([own, end]), new Blob([own, noise, end])];
}

async function withEndOfPng(bytes: Uint8Array): Promise<Blob> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packed: Uint8Array<ArrayBuffer>[] = [];
  let at = 8;
  for (let size = 0; at + 12 <= bytes.length; at += 12 + size) {
    size = view.getUint32(at);
    if (view.getUint32(at + 4) === IDAT) packed.push(bytes.slice(at + 8, at + 8 + size));
  }
  try {
    if (at !== bytes.length) throw new BadImageError(DAMAGED);
    const pixels = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
    await pixels.pipeTo(new WritableStream()); // fails if they are cut short
  } catch (error) {
    throw new BadImageError(DAMAGED, { cause: error });
  }
  return new Blob([bytes.slice(), END_OF_PNG]);
}

/** Refuses a PNG with a wrong checksum of what its pixels need, as Python and Chromium do; Firefox decodes the rest. */
export async function checkSums(bytes: Uint8Array): Promise<void> {
  crc32 ??= createCRC32();
  const sum = await crc32;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8, end = 0; at + 12 <= bytes.length; at = end + 4) {
    const name = view.getUint32(at + 4);
    if (name === IEND) return;
    end = at + 8 + view.getUint32(at);
    if (!NEEDED.has(name) || end + 4 > bytes.length) continue;
    sum.init().update(bytes.subarray(at + 4, end));
    const found = Number.parseInt(sum.digest(), 16);
    if (found !== view.getUint32(end)) throw new BadImageError(DAMAGED);
  }
}

let crc32: ReturnType<typeof createCRC32> | undefined;

const IHDR = 0x49484452;
const PLTE = 0x504c5445;
const IDAT = 0x49444154;
const NEEDED: ReadonlySet<number> = new Set([IHDR, PLTE, IDAT]);
const IEND = 0x49454e44;
const END_OF_PNG = Uint8Array.of(0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82);

const ENDED: Readonly<Record<string, (view: DataView, bytes: Uint8Array) => boolean>> = {
  /** ITU T.81: segments of known length up to the first scan, in which 0xFF 0xD9 can only be the end. */
  jpeg(view, bytes) {
    let at = 2;
    while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda)
      at += bytes[at + 1] === 0xff ? 1 : 2 + view.getUint16(at + 2);
    for (at = bytes.indexOf(0xff, at + 2); at >= 0; at = bytes.indexOf(0xff, at + 1))
      if (bytes[at + 1] === 0xd9) return true;
    return false;
  },
  /** Chunks of length, name, body, CRC up to IEND. */
  png(view, bytes) {
    let at = 8;
    while (at + 8 <= bytes.length && view.getUint32(at + 4) !== IEND) at += 12 + view.getUint32(at);
    return at + 8 <= bytes.length;
  },
  /** GIF89a: blocks up to the first picture, and its data up to an empty sub-block. */
  gif(view, bytes) {
    const colours = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
    let at = 13 + colours(bytes[10] ?? 0);
    for (;;) {
      const picture = bytes[at] === 0x2c;
      if (!picture && bytes[at] !== 0x21) return false;
      at += picture ? 11 + colours(bytes[at + 9] ?? 0) : 2;
      while (at < bytes.length && bytes[at] !== 0) at += 1 + view.getUint8(at);
      if (picture || at >= bytes.length) return at < bytes.length;
      at += 1;
    }
  },
  bmp: (view, bytes) => view.getUint32(2, true) <= bytes.length,
  webp: (view, bytes) => 8 + view.getUint32(4, true) <= bytes.length,
};
