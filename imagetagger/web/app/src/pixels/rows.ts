/** A decoded picture's upright pixels, RGB, in bands: from a video frame, which takes a fifth of the time, or a canvas. */

import { UserError } from "../format/problems";
import { framedRows } from "./frame";
import type { Turn } from "./orientation";
import { checkReadback } from "./readback";

/** A decoded picture and how to draw it upright. */
export interface Upright {
  bitmap: ImageBitmap;
  turn: Turn;
  width: number;
  height: number;
}

/** Writes rows of a picture from `y` on into a band, RGB. */
export type ReadRows = (y: number, rows: number, band: Uint8Array) => Promise<void> | void;

const TILE_WIDTH = 4096; // phones cap a canvas at 4096 pixels a side or 16.7 million in all
const TILE_HEIGHT = 256;
const BAND_PIXELS = TILE_WIDTH * TILE_HEIGHT;

/** Yields a picture's upright RGB rows in bands; each overwrites the last. */
export async function* bands(upright: Upright): AsyncGenerator<Uint8Array> {
  const { width, height } = upright;
  const rows = Math.min(height, Math.max(1, Math.min(TILE_HEIGHT, Math.floor((4 * BAND_PIXELS) / width))));
  const band = newBand(width, rows);
  const drawn = drawnRows(upright);
  const framed = framedRows(upright, band.length / 3);
  try {
    const read = framed && (await agree(framed.read, drawn, upright)) ? framed.read : drawn;
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      await read(y, count, band);
      yield band.subarray(0, width * count * 3);
    }
  } finally {
    framed?.close();
  }
}

/** Returns room for rows of RGB, and up to three pixels more: frames are packed four pixels at a time. */
function newBand(width: number, rows: number): Uint8Array {
  return new Uint8Array(Math.ceil((width * rows) / 4) * 12);
}

/** Returns whether both ways to read give the same middle row, which they do not where a frame's colours are converted. */
async function agree(framed: ReadRows, drawn: ReadRows, { width, height }: Upright): Promise<boolean> {
  const [one, other] = [newBand(width, 1), newBand(width, 1)];
  try {
    await framed(height >> 1, 1, one);
  } catch {
    return false;
  }
  await drawn(height >> 1, 1, other);
  return one.subarray(0, width * 3).every((level, i) => level === other[i]);
}

/** Reads the rows of a picture that is drawn tile by tile. */
function drawnRows(upright: Upright): ReadRows {
  const context = tile();
  return (y, rows, band) => {
    for (let x = 0; x < upright.width; x += TILE_WIDTH) readTile(context, upright, x, y, rows, band);
  };
}

/** Draws a tile on white, which canvases do as Pillow pastes by alpha: round(c a / 255) + 255 - a; copies its RGB. */
function readTile(
  context: OffscreenCanvasRenderingContext2D,
  { bitmap, turn, width }: Upright,
  x: number,
  y: number,
  rows: number,
  band: Uint8Array,
): void {
  const columns = Math.min(TILE_WIDTH, width - x);
  const [a, b, c, d, e, f] = turn;
  context.resetTransform();
  context.fillRect(0, 0, columns, rows);
  context.setTransform(a, b, c, d, e - x, f - y);
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, columns, rows);
  for (let row = 0, from = 0; row < rows; row++)
    for (let to = (row * width + x) * 3, end = to + columns * 3; to < end; to += 3, from += 4) {
      band[to] = data[from] as number;
      band[to + 1] = data[from + 1] as number;
      band[to + 2] = data[from + 2] as number;
    }
}

let reused: OffscreenCanvasRenderingContext2D | undefined; // phones run out of memory for canvases before they collect old ones

function tile(): OffscreenCanvasRenderingContext2D {
  if (reused) return reused;
  const context = new OffscreenCanvas(TILE_WIDTH, TILE_HEIGHT).getContext("2d", { willReadFrequently: true });
  if (!context) throw new UserError({ kind: "noCanvas" });
  checkReadback(context);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "white";
  reused = context;
  return context;
}
