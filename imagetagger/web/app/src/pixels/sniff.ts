import { imageSize } from "image-size";

/** A picture that cannot be used; the message says why, to the user. */
export class BadImageError extends Error {
  override name = "BadImageError";
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

const RARE: Readonly<Record<string, string>> = {
  heic: "HEIC picture",
  heif: "HEIC picture",
  tiff: "TIFF or camera raw file",
  jp2: "JPEG 2000 picture",
  jxl: "JPEG XL picture",
};

/** The message for a file with the header of a picture, but without its contents. */
export const DAMAGED = "damaged: cut short or corrupt";

function ascii(bytes: Uint8Array, start: number, stop: number): string {
  return String.fromCharCode(...bytes.subarray(start, stop));
}

const SAVE = "which is not read. Save it as";
const EPS = "an EPS drawing, which is not read: it is a program. Save it as PNG";
const RAW_FILE = "a camera raw file, which is not read. Save it as JPEG";
const VIDEO = "a video, not a picture";

/** Files that are never decoded by their first bytes, in the words of imagetagger/preprocess/file_kinds.py. */
const NAMED: readonly (readonly [string, string])[] = [
  ["%!", EPS],
  ["\xc5\xd0\xd3\xc6", EPS],
  ["%PDF", "a PDF, not a picture. Save its page as JPEG"],
  ["8BPS", `a Photoshop file, ${SAVE} JPEG`],
  ["gimp xcf", `a GIMP file, ${SAVE} JPEG`],
  ["SIMPLE  =", `a FITS picture, ${SAVE} PNG`],
  ["qoif", `a QOI picture, ${SAVE} PNG`],
  ["icns", `an icon of macOS, ${SAVE} PNG`],
  ["\x89HDF\r\n\x1a\n", "an HDF5 file, not a picture"],
  ["FUJIFILMCCD-RAW", RAW_FILE],
  ["IIRO", RAW_FILE],
  ["IIRS", RAW_FILE],
  ["MMOR", RAW_FILE],
  ["IIU\0", RAW_FILE],
  ["\0\0\x01\xba", VIDEO],
  ["\0\0\x01\xb3", VIDEO],
  ["\x1aE\xdf\xa3", VIDEO],
];

/** Returns what a well-known file is that is not a usable picture. */
function foreign(bytes: Uint8Array): string | undefined {
  const start = ascii(bytes, 0, 4096).replaceAll("\0", ""); // the zeros of UTF-16
  if (/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*</.test(start)) return markup(start);
  const first = ascii(bytes, 0, 16);
  const named = NAMED.find(([signature]) => first.startsWith(signature));
  if (named) return named[1];
  if (/^II\*\0....CR/s.test(first)) return RAW_FILE;
  if (ascii(bytes, 4, 8) !== "ftyp") return undefined;
  const brand = ascii(bytes, 8, 12);
  if (brand === "crx ") return RAW_FILE;
  return /^(isom|iso\d|mp4\d|qt {2}|M4V |3g)/.test(brand) ? VIDEO : undefined;
}

function markup(start: string): string {
  const drawing = /<([\w-]+:)?svg[\s>]/i.test(start) && !/<html/i.test(start);
  return drawing
    ? "an SVG: a drawing that could run scripts. Save it as PNG"
    : "a web page or other text, not a picture";
}

function unreadable(what: string): string {
  return `a ${what}, which this browser cannot read. Save it as JPEG`;
}

function inMillions(limit: number): string {
  const millions = limit / 1e6;
  return Number.isInteger(millions) ? `${millions} million` : limit.toLocaleString("en");
}

/** Refuses a picture of more pixels than the limit. */
export function checkPixels(width: number, height: number, pixelLimit: number): void {
  if (width * height <= pixelLimit) return;
  const size = `${width.toLocaleString("en")} x ${height.toLocaleString("en")}`;
  throw new BadImageError(`too large: ${size} pixels; at most ${inMillions(pixelLimit)}`);
}

/** Refuses a file that is not a picture by its first bytes: a video need not be read completely. */
export function checkStart(bytes: Uint8Array): void {
  const known = foreign(bytes);
  if (known) throw new BadImageError(known);
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
  return new BadImageError("not a picture", { cause });
}

/** Returns the header of a picture before it is decoded; throws BadImageError for other files and above the limit. */
export function sniff(bytes: Uint8Array, pixelLimit: number): Header {
  if (bytes.length === 0) throw new BadImageError("an empty file");
  const known = foreign(bytes);
  if (known) throw new BadImageError(known);
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
  if (type === undefined) throw new BadImageError("not a picture that browsers can read. Save it as JPEG");
  if (!(size.width > 0 && size.height > 0)) throw new BadImageError(DAMAGED);
  return { type, width: size.width, height: size.height };
}

/** Returns why a browser could not decode a file with a valid header. */
export function whyUndecoded({ type, width, height }: Header): string {
  const rare = RARE[type];
  if (rare) return unreadable(rare);
  const large = width * height > 3e7 || Math.max(width, height) > 16_384; // above the limits of some browsers
  return large ? `${DAMAGED}, or too large for this browser` : DAMAGED;
}
