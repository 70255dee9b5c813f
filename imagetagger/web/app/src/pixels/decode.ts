/** From a file to what the tagger and the page need of it. */

import { isPlainJpeg } from "./colours";
import { checkSums, mendEnd } from "./completeness";
import { encodePng, isPreview, makePreview } from "./encode";
import { readExif } from "./exif";
import { turn } from "./orientation";
import { beginId } from "./picture_id";
import { bands, type Upright } from "./rows";
import { BadImageError, checkPixels, checkStart, DAMAGED, type Header, sniff, whyUndecoded } from "./sniff";
import { streamSquare } from "./square";

/** What the network sees of a picture. */
export interface Square {
  /** Of the upright picture. */
  width: number;
  height: number;
  /** uint8 RGB (size, size, 3). */
  square: Uint8Array<ArrayBuffer>;
}

/** A picture as the tagger sees it, and a preview for people. */
export interface Picture extends Square {
  /** SHA-256 of its size and upright pixels. */
  id: string;
  /** Of the square. */
  png: Blob;
  /** At most 1024 pixels per side. */
  preview: Blob;
  /** When it was taken, as exif.ts has it. */
  taken: string | null;
}

const START_BYTES = 65_536;
const MAX_FILE_BYTES = 2 ** 30;

/**
 * Decodes a picture by the image contract (imagetagger/preprocess/): the same bytes as in Python. Runs in a worker.
 *
 * Beside the bitmap of the browser it takes a few megabytes, and the pixels once more while their id is computed, unless
 * the picture is large (see picture_id.ts).
 *
 * @throws BadImageError for an unusable file, and HiddenPixelsError for an unusable browser, both with a message for the
 *   user.
 */
export async function readPicture(file: Blob, size: number, pixelLimit: number): Promise<Picture> {
  return decoded(file, pixelLimit, async (upright, { isPlain, taken, mended }) => {
    const { bitmap, turn, width, height } = upright;
    const { id, square } = await idAndSquare(upright, size);
    const isSmall = isPlain && mended.length === 0 && isPreview(file, width, height);
    const preview = isSmall ? inMemory(file, "image/jpeg") : makePreview(bitmap, turn, width, height);
    const png = await encodePng(square, size);
    return { id: await id, width, height, square, png, preview: await preview, taken };
  });
}

/** Returns the square of a picture, and its size, as `readPicture` does. */
export async function readSquare(file: Blob, size: number, pixelLimit: number): Promise<Square> {
  return decoded(file, pixelLimit, async (upright) => {
    const square = streamSquare(upright.width, upright.height, size);
    for await (const rows of bands(upright)) square.add(rows);
    return { width: upright.width, height: upright.height, square: square.pixels() };
  });
}

/** Decodes a file for as long as it is used. */
async function decoded<T>(
  file: Blob,
  pixelLimit: number,
  use: (upright: Upright, inspected: Inspected) => Promise<T>,
): Promise<T> {
  const inspected = await inspect(file, pixelLimit);
  const { header, isPlain, orientation, mended } = inspected;
  const bitmap = await decode(mended[0] ?? file, header, isPlain);
  try {
    checkPixels(bitmap.width, bitmap.height, pixelLimit); // a header can lie, and a file can contain several pictures
    const sideways = orientation > 4;
    const upright = {
      bitmap,
      turn: turn(orientation, bitmap.width, bitmap.height),
      width: sideways ? bitmap.height : bitmap.width,
      height: sideways ? bitmap.width : bitmap.height,
    };
    if (mended[1]) await checkSame(upright, await decode(mended[1], header, isPlain));
    return await use(upright, inspected);
  } finally {
    bitmap.close();
  }
}

/** Returns a picture's square, and its id, which another thread may still compute. */
async function idAndSquare(upright: Upright, size: number) {
  const { width, height } = upright;
  const id = await beginId(width, height);
  const square = streamSquare(width, height, size);
  for await (const rows of bands(upright)) {
    id.update(rows);
    square.add(rows);
  }
  return { id: id.digest(), square: square.pixels() };
}

/** Refuses a picture whose pixels differ from another's. */
async function checkSame(upright: Upright, bitmap: ImageBitmap): Promise<void> {
  const others = bands({ ...upright, bitmap });
  try {
    for await (const rows of bands(upright)) {
      const expected = (await others.next()).value as Uint8Array;
      if (rows.some((level, i) => level !== expected[i])) throw new BadImageError(DAMAGED);
    }
  } finally {
    await others.return(undefined); // which closes its frame
    bitmap.close();
  }
}

/** What a file says before it is decoded, and the same with the end that it lacks (see `mendEnd`). */
interface Inspected {
  header: Header;
  /** Opaque, and without anything that changes its colours. */
  isPlain: boolean;
  /** Which the browser does not apply. */
  orientation: number;
  taken: string | null;
  mended: Blob[];
}

/** Reads the header and what the camera wrote; browsers turn JPEG and PNG themselves, but no WebP, as Pillow does. */
async function inspect(file: Blob, pixelLimit: number): Promise<Inspected> {
  if (file.size > START_BYTES) checkStart(await read(file.slice(0, START_BYTES)));
  if (file.size > MAX_FILE_BYTES) throw new BadImageError({ kind: "fileTooLarge" });
  const bytes = await read(file);
  const header = sniff(bytes, pixelLimit);
  if (header.type === "png") await checkSums(bytes);
  const mended = await mendEnd(bytes, header.type);
  const { orientation, taken } = readExif(bytes, header.type);
  const isPlain = header.type === "jpeg" && isPlainJpeg(bytes);
  return { header, isPlain, orientation: header.type === "webp" ? orientation : 1, taken, mended };
}

/** Returns a copy of a file in memory: the user may delete the file. */
async function inMemory(file: Blob, type: string): Promise<Blob> {
  return new Blob([await read(file)], { type });
}

async function read(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new BadImageError({ kind: "lostFile" }, { cause: error });
  }
}

/** Decodes a file to its levels as stored; a plain one by the browser's own way, which takes half the time. */
async function decode(file: Blob, header: Header, isPlain: boolean): Promise<ImageBitmap> {
  const asStored: ImageBitmapOptions = {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none", // decoders premultiply less exactly than canvases do
  };
  try {
    return await createImageBitmap(file.slice(0, file.size, `image/${header.type}`), {
      imageOrientation: header.type === "webp" ? "none" : "from-image",
      ...(isPlain ? {} : asStored),
    });
  } catch (error) {
    throw new BadImageError(whyUndecoded(header), { cause: error });
  }
}
