import { imageSize } from "image-size";
import { type ForeignFile, type Problem, type RarePicture, UserError } from "../format/problems";

/** A picture that cannot be used. */
export class BadImageError extends UserError {
  override name = "BadImageError";
}

/** Returns whether an error is of an unusable picture, also where it crossed from a worker, which loses the class. */
export function isBadImage(error: unknown): boolean {
  return error instanceof Error && error.name === "BadImageError";
}

/** Type and size from a file's first bytes; width and height are as stored, before it is turned upright. */
export interface Header {
  /** The sub-type of its media type: "jpeg", "png", "webp", ... */
  type: string;
  width: number;
  height: number;
}

/** Formats that some browsers decode, by image-size's name, with the names of their media types. */
const DECODED: Readonly<Record<string, string>> = {
  jpg: "jpeg",
  png: "png",
  webp: "webp",
  gif: "gif",
  bmp: "bmp",
  avif: "avif",
  ico: "x-icon",
  heic: "heic",
  heif: "heif",
  tiff: "tiff",
  jp2: "jp2",
  jxl: "jxl",
  "jxl-stream": "jxl",
};

const RARE: Readonly<Record<string, RarePicture>> = {
  heic: "heic",
  heif: "heic",
  tiff: "tiff",
  jp2: "jp2",
  jxl: "jxl",
};

/** The problem of a file with the header of a picture, but without its contents. */
export const DAMAGED: Problem = { kind: "damagedPicture" };

function ascii(bytes: Uint8Array, start: number, stop: number): string {
  return String.fromCharCode(...bytes.subarray(start, stop));
}

/** Files that are never decoded by their first bytes, those of imagetagger/preprocess/file_kinds.py. */
const NAMED: readonly (readonly [string, ForeignFile])[] = [
  ["%!", "eps"],
  ["\xc5\xd0\xd3\xc6", "eps"],
  ["%PDF", "pdf"],
  ["8BPS", "photoshop"],
  ["gimp xcf", "gimp"],
  ["SIMPLE  =", "fits"],
  ["qoif", "qoi"],
  ["icns", "icns"],
  ["\x89HDF\r\n\x1a\n", "hdf5"],
  ["FUJIFILMCCD-RAW", "raw"],
  ["IIRO", "raw"],
  ["IIRS", "raw"],
  ["MMOR", "raw"],
  ["IIU\0", "raw"],
  ["\0\0\x01\xba", "video"],
  ["\0\0\x01\xb3", "video"],
  ["\x1aE\xdf\xa3", "video"],
];

/** Returns what a well-known file is that is not a usable picture. */
function foreign(bytes: Uint8Array): ForeignFile | undefined {
  const start = ascii(bytes, 0, 4096).replaceAll("\0", ""); // the zeros of UTF-16
  if (/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*</.test(start)) return markup(start);
  const first = ascii(bytes, 0, 16);
  const named = NAMED.find(([signature]) => first.startsWith(signature));
  if (named) return named[1];
  if (/^II\*\0....CR/s.test(first)) return "raw";
  if (ascii(bytes, 4, 8) !== "ftyp") return undefined;
  const brand = ascii(bytes, 8, 12);
  if (brand === "crx ") return "raw";
  return /^(isom|iso\d|mp4\d|qt {2}|M4V |3g)/.test(brand) ? "video" : undefined;
}

function markup(start: string): ForeignFile {
  const drawing = /<([\w-]+:)?svg[\s>]/i.test(start) && !/<html/i.test(start);
  return drawing ? "svg" : "text";
}

/** Refuses a picture of more pixels than the limit. */
export function checkPixels(width: number, height: number, pixelLimit: number): void {
  if (width * height <= pixelLimit) return;
  throw new BadImageError({ kind: "tooManyPixels", width, height, most: pixelLimit });
}

/** Refuses a file that is not a picture by its first bytes: a video need not be read completely. */
export function checkStart(bytes: Uint8Array): void {
  const known = foreign(bytes);
  if (known) throw new BadImageError({ kind: "foreignFile", file: known });
  try {
    imageSize(bytes);
  } catch (error) {
    if (isUnsupported(error)) throw notPicture(error);
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof TypeError && error.message.startsWith("unsupported file type");
}

function notPicture(cause: unknown): BadImageError {
  return new BadImageError({ kind: "notAPicture" }, { cause });
}

/** Returns the header of a picture before it is decoded; throws BadImageError for other files and above the limit. */
export function sniff(bytes: Uint8Array, pixelLimit: number): Header {
  if (bytes.length === 0) throw new BadImageError({ kind: "emptyFile" });
  const known = foreign(bytes);
  if (known) throw new BadImageError({ kind: "foreignFile", file: known });
  const { type, width, height } = measure(bytes);
  checkPixels(width, height, pixelLimit);
  return { type, width, height };
}

function measure(bytes: Uint8Array): Header {
  let size: ReturnType<typeof imageSize>;
  try {
    size = imageSize(bytes);
  } catch (error) {
    throw isUnsupported(error) ? notPicture(error) : new BadImageError(DAMAGED, { cause: error });
  }
  const type = DECODED[size.type ?? ""];
  if (type === undefined) throw new BadImageError({ kind: "otherPicture" });
  if (!(size.width > 0 && size.height > 0)) throw new BadImageError(DAMAGED);
  return { type, width: size.width, height: size.height };
}

/** Returns why a browser could not decode a file with a valid header. */
export function whyUndecoded({ type, width, height }: Header): Problem {
  const rare = RARE[type];
  if (rare) return { kind: "rarePicture", picture: rare };
  const large = width * height > 3e7 || Math.max(width, height) > 16_384; // above the limits of some browsers
  return large ? { kind: "damagedOrTooLarge" } : DAMAGED;
}
