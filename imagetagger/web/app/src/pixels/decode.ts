import { checkSums, mendEnd } from "./completeness";
import { makePreview } from "./encode";
import { readExif } from "./exif";
import { type Turn, turn } from "./orientation";
import { beginId, sha256 } from "./picture_id";
import { checkReadback } from "./readback";
import { BadImageError, checkPixels, checkStart, DAMAGED, type Header, sniff, whyUndecoded } from "./sniff";
import { streamSquare } from "./square";

export { encodePng } from "./encode";

/** A picture as the tagger sees it, and a preview for people. */
export interface Picture {
  /** SHA-256 of its size and upright pixels. */
  id: string;
  /** Upright. */
  width: number;
  height: number;
  /** What the network sees: uint8 RGB (size, size, 3). */
  square: Uint8Array<ArrayBuffer>;
  /** At most 1024 pixels a side. */
  preview: Blob;
  /** When it was taken, as exif.ts has it. */
  taken: string | null;
}

/** A decoded picture and how to draw it upright. */
interface Upright {
  bitmap: ImageBitmap;
  turn: Turn;
  width: number;
  height: number;
}

const START_BYTES = 65_536;
const MAX_FILE_BYTES = 2 ** 30;
const TILE_WIDTH = 4096; // phones cap a canvas at 4096 pixels a side or 16.7 million in all
const TILE_HEIGHT = 256;
const BAND_PIXELS = TILE_WIDTH * TILE_HEIGHT;

/** Decodes a picture by the image contract (imagetagger/preprocess/): the same bytes as in Python. Runs in a worker.
 * Beside the bitmap of the browser it takes a few megabytes, however large the picture is.
 * Throws BadImageError for an unusable file, and HiddenPixelsError for an unusable browser, both with a message for the
 * user. */
export async function readPicture(file: Blob, size: number, pixelLimit: number): Promise<Picture> {
  const { header, orientation, taken, mended } = await inspect(file, pixelLimit);
  const bitmap = await decode(mended[0] ?? file, header);
  try {
    checkPixels(bitmap.width, bitmap.height, pixelLimit); // a header can lie, and a file can contain several pictures
    const sideways = orientation > 4;
    const upright = {
      bitmap,
      turn: turn(orientation, bitmap.width, bitmap.height),
      width: sideways ? bitmap.height : bitmap.width,
      height: sideways ? bitmap.width : bitmap.height,
    };
    const { width, height } = upright;
    if (mended[1]) checkSame(upright, await decode(mended[1], header));
    const hasher = await sha256();
    const digest = beginId(hasher, width, height); // no await until all rows are read: hasher and tile are shared
    const square = streamSquare(width, height, size);
    for (const rows of bands(upright)) {
      digest.update(rows);
      square.add(rows);
    }
    const seen = { id: digest.digest(), width, height, square: square.pixels() };
    return { ...seen, taken, preview: await makePreview(bitmap, upright.turn, width, height) };
  } finally {
    bitmap.close();
  }
}

/** Refuses a picture whose pixels differ from another's. */
function checkSame(upright: Upright, bitmap: ImageBitmap): void {
  const others = bands({ ...upright, bitmap });
  try {
    for (const rows of bands(upright)) {
      const expected = others.next().value as Uint8Array;
      if (rows.some((level, i) => level !== expected[i])) throw new BadImageError(DAMAGED);
    }
  } finally {
    bitmap.close();
  }
}

/** What a file says before it is decoded, and the same with the end that it lacks (see `mendEnd`). */
interface Inspected {
  header: Header;
  /** Which the browser does not apply. */
  orientation: number;
  taken: string | null;
  mended: Blob[];
}

/** Reads the header and what the camera wrote; browsers turn JPEG and PNG themselves, but no WebP, as Pillow does. */
async function inspect(file: Blob, pixelLimit: number): Promise<Inspected> {
  if (file.size > START_BYTES) checkStart(await read(file.slice(0, START_BYTES)));
  if (file.size > MAX_FILE_BYTES) throw new BadImageError("too large: more than 1 GiB");
  const bytes = await read(file);
  const header = sniff(bytes, pixelLimit);
  if (header.type === "png") await checkSums(bytes);
  const mended = await mendEnd(bytes, header.type);
  const { orientation, taken } = readExif(bytes, header.type);
  return { header, orientation: header.type === "webp" ? orientation : 1, taken, mended };
}

async function read(file: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new BadImageError("cannot be read: was it moved, or changed?", { cause: error });
  }
}

async function decode(file: Blob, header: Header): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file.slice(0, file.size, `image/${header.type}`), {
      imageOrientation: header.type === "webp" ? "none" : "from-image",
      colorSpaceConversion: "none",
      premultiplyAlpha: "none", // decoders premultiply less exactly than canvases do
    });
  } catch (error) {
    throw new BadImageError(whyUndecoded(header), { cause: error });
  }
}

/** Yields a picture's upright RGB rows in bands; each overwrites the last. */
function* bands(upright: Upright): Generator<Uint8Array> {
  const { width, height } = upright;
  const rows = Math.max(1, Math.min(TILE_HEIGHT, Math.floor((4 * BAND_PIXELS) / width)));
  const context = tile();
  const band = new Uint8Array(width * Math.min(rows, height) * 3);
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    for (let x = 0; x < width; x += TILE_WIDTH) readTile(context, upright, x, y, count, band);
    yield band.subarray(0, width * count * 3);
  }
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
  if (!context) throw new Error("this browser provides no canvas: it is out of memory, or too old");
  checkReadback(context);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "white";
  reused = context;
  return context;
}
