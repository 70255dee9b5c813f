import { BadImageError, DAMAGED } from "./sniff";

/** Refuses a truncated file, as Python does. Chromium's decoders do so too; others decode what there is. */
export function checkComplete(bytes: Uint8Array, type: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ended = ENDED[type];
  if (ended && !ended(view, bytes)) throw new BadImageError(DAMAGED);
}

const IEND = 0x49454e44;

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
