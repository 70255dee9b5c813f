/** A canvas transform (a, b, c, d, e, f), from a picture as stored to the upright one. */
export type Turn = readonly [number, number, number, number, number, number];

const ORIENTATION = 0x0112;
const SHORT = 3;

/** Returns the EXIF orientation of a WebP, 1 to 8: browsers apply that of JPEG and PNG only, Pillow that of WebP too. */
export function webpOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at) === 0x45584946) return exifOrientation(bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size + (size % 2);
  }
  return 1;
}

/** Returns the orientation in a block of EXIF, with or without its "Exif\0\0"; 1 where it is damaged or absent. */
function exifOrientation(block: Uint8Array): number {
  const start = block[0] === 0x45 ? 6 : 0;
  const view = new DataView(block.buffer, block.byteOffset + start, Math.max(block.byteLength - start, 0));
  if (view.byteLength < 8) return 1;
  const little = view.getUint8(0) === 0x49;
  const directory = view.getUint32(4, little);
  for (
    let i = 0, at = directory + 2;
    at + 12 <= view.byteLength && i < view.getUint16(directory, little);
    i++, at += 12
  )
    if (view.getUint16(at, little) === ORIENTATION && view.getUint16(at + 2, little) === SHORT) {
      const value = view.getUint16(at + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  return 1;
}

/** Returns the transform that turns stored pixels of an EXIF orientation upright. */
export function turn(orientation: number, width: number, height: number): Turn {
  const turns: readonly Turn[] = [
    [1, 0, 0, 1, 0, 0],
    [-1, 0, 0, 1, width, 0],
    [-1, 0, 0, -1, width, height],
    [1, 0, 0, -1, 0, height],
    [0, 1, 1, 0, 0, 0],
    [0, 1, -1, 0, height, 0],
    [0, -1, -1, 0, height, width],
    [0, -1, 1, 0, 0, width],
  ];
  return turns[orientation - 1] as Turn;
}
