/** Pixels of an opaque picture from a video frame (WebCodecs): unlike a canvas it copies into memory that is there. */

import type { ReadRows, Upright } from "./rows";

/** A frame as newer browsers have it: its pixels as stored, and how to turn them, first clockwise, then left to right. */
type TurnedFrame = VideoFrame & { rotation?: number; flip?: boolean };

/** How rows of the upright picture lie in the stored one. */
interface Layout {
  /** Whether they are columns. */
  isSideways: boolean;
  /** Whether they run backwards, and whether they follow each other backwards. */
  isReversed: boolean;
  isUpward: boolean;
}

/**
 * Reads rows of at most `most` pixels from a frame of the picture.
 *
 * Returns nothing where the browser makes no such frame of it, as of transparent pictures, of more than 32,767 pixels a
 * side, and in browsers that do not say how a frame is turned.
 */
export function framedRows(upright: Upright, most: number): { read: ReadRows; close(): void } | undefined {
  const frame = openFrame(upright);
  if (frame === undefined) return undefined;
  const layout = layoutOf(frame);
  const isBgr = frame.format === "BGRX";
  const pixels = new Uint32Array(most); // little-endian, as all devices with browsers are
  const read: ReadRows = async (y, rows, band) => {
    await frame.copyTo(pixels, { rect: storedRect(upright, layout, y, rows) });
    if (layout.isSideways || layout.isReversed || layout.isUpward)
      turnRgb(pixels, isBgr, layout, upright.width, rows, band);
    else packRgb(pixels, isBgr, band);
  };
  return { read, close: () => frame.close() };
}

function openFrame({ bitmap, turn }: Upright): TurnedFrame | undefined {
  if (typeof VideoFrame === "undefined" || turn.join() !== "1,0,0,1,0,0") return undefined;
  let frame: TurnedFrame;
  try {
    frame = new VideoFrame(bitmap, { timestamp: 0 });
  } catch {
    return undefined;
  }
  if (frame.rotation !== undefined && (frame.format === "RGBX" || frame.format === "BGRX")) return frame;
  frame.close();
  return undefined;
}

function layoutOf({ rotation = 0, flip = false }: TurnedFrame): Layout {
  const isReversed = rotation === 90 || rotation === 180;
  return { isSideways: rotation % 180 !== 0, isReversed: isReversed !== flip, isUpward: rotation >= 180 };
}

/** Where rows of the upright picture are stored. */
function storedRect({ width, height }: Upright, { isSideways, isUpward }: Layout, y: number, rows: number) {
  const first = isUpward ? height - y - rows : y;
  return isSideways ? { x: first, y: 0, width: rows, height: width } : { x: 0, y: first, width, height: rows };
}

/** Packs pixels of four bytes, the last of which is unused, to RGB; four at a time, which is quick. */
function packRgb(pixels: Uint32Array, isBgr: boolean, band: Uint8Array): void {
  const words = new Uint32Array(band.buffer);
  const rgb = (pixel: number) =>
    isBgr ? ((pixel >>> 16) & 0xff) | (pixel & 0xff00) | ((pixel & 0xff) << 16) : pixel & 0xffffff;
  for (let from = 0, to = 0; to < words.length; from += 4, to += 3) {
    const a = rgb(pixels[from] as number);
    const b = rgb(pixels[from + 1] as number);
    const c = rgb(pixels[from + 2] as number);
    const d = rgb(pixels[from + 3] as number);
    words[to] = a | (b << 24);
    words[to + 1] = (b >>> 8) | (c << 16);
    words[to + 2] = (c >>> 16) | (d << 8);
  }
}

/** Packs pixels of a turned picture, pixel by pixel. */
function turnRgb(
  pixels: Uint32Array,
  isBgr: boolean,
  { isSideways, isReversed, isUpward }: Layout,
  width: number,
  rows: number,
  band: Uint8Array,
): void {
  const [right, down] = isSideways ? [rows, 1] : [1, width]; // from a pixel to the next one, in `pixels`
  const [step, stepDown] = [isReversed ? -right : right, isUpward ? -down : down];
  const start = (isReversed ? (width - 1) * right : 0) + (isUpward ? (rows - 1) * down : 0);
  const [red, blue] = isBgr ? [16, 0] : [0, 16];
  for (let row = 0, to = 0; row < rows; row++)
    for (let column = 0, from = start + row * stepDown; column < width; column++, from += step, to += 3) {
      const pixel = pixels[from] as number;
      band[to] = pixel >>> red;
      band[to + 1] = pixel >>> 8;
      band[to + 2] = pixel >>> blue;
    }
}
