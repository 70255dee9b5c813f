/** What cameras write into pictures: how to turn them, and when they were taken. Source: CIPA DC-008 (Exif 2.32). */

/** Of damaged or missing metadata, what stands for nothing. */
export interface Exif {
  /** From 1, upright, to 8. */
  orientation: number;
  /** Local time of the camera, as `2024-05-01T18:30:00`; null where it is unknown. */
  taken: string | null;
}

const NOTHING: Exif = { orientation: 1, taken: null };

const [ORIENTATION, DATE_TIME, EXIF_DIRECTORY, DATE_TIME_ORIGINAL] = [0x0112, 0x0132, 0x8769, 0x9003];

/** The types that these entries must have: ASCII 2, SHORT 3, LONG 4. */
const TYPES = new Map([
  [ORIENTATION, 3],
  [DATE_TIME, 2],
  [EXIF_DIRECTORY, 4],
  [DATE_TIME_ORIGINAL, 2],
]);

/** Reads the EXIF block of a JPEG, PNG or WebP. */
export function readExif(bytes: Uint8Array, type: string): Exif {
  const find = { jpeg: jpegBlock, png: pngBlock, webp: webpBlock }[type];
  const block = find?.(viewOf(bytes));
  return block === undefined ? NOTHING : readBlock(block);
}

/** Reads a TIFF structure, with or without "Exif\0\0" before it. */
function readBlock(block: DataView): Exif {
  const start = block.byteLength > 6 && block.getUint8(0) === 0x45 ? 6 : 0;
  const view = new DataView(block.buffer, block.byteOffset + start, block.byteLength - start);
  if (view.byteLength < 8) return NOTHING;
  const little = view.getUint8(0) === 0x49;
  const main = directory(view, view.getUint32(4, little), little);
  const at = main.get(EXIF_DIRECTORY);
  const camera = at === undefined ? at : directory(view, view.getUint32(at + 8, little), little);
  const turned = main.get(ORIENTATION);
  const orientation = turned === undefined ? 1 : view.getUint16(turned + 8, little);
  return {
    orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
    taken: timeAt(view, camera?.get(DATE_TIME_ORIGINAL), little) ?? timeAt(view, main.get(DATE_TIME), little),
  };
}

/** The places of the entries that are read, by their tag; of a tag that comes twice the first one. */
function directory(view: DataView, at: number, little: boolean): Map<number, number> {
  const entries = new Map<number, number>();
  if (at + 2 > view.byteLength) return entries;
  const count = view.getUint16(at, little);
  for (let i = 0, place = at + 2; i < count && place + 12 <= view.byteLength; i++, place += 12) {
    const tag = view.getUint16(place, little);
    if (TYPES.get(tag) === view.getUint16(place + 2, little) && !entries.has(tag)) entries.set(tag, place);
  }
  return entries;
}

/** Reads `2024:05:01 18:30:00`; null for anything else, and for a day that no calendar has. */
function timeAt(view: DataView, entry: number | undefined, little: boolean): string | null {
  if (entry === undefined) return null;
  const at = view.getUint32(entry + 8, little);
  if (at + 19 > view.byteLength) return null;
  const text = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 19));
  const [, year, month, day, time] = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)$/.exec(text) ?? [];
  const taken = `${year}-${month}-${day}T${time}`;
  const parsed = new Date(`${taken}Z`);
  return year === undefined || year === "0000" || Number.isNaN(parsed.getTime()) || parsed.getUTCDate() !== Number(day)
    ? null
    : taken;
}

function jpegBlock(view: DataView): DataView | undefined {
  for (let at = 2; at + 10 <= view.byteLength && view.getUint8(at) === 0xff; ) {
    const [marker, size] = [view.getUint8(at + 1), view.getUint16(at + 2)];
    if (marker === 0xda || size < 2) return undefined; // pixels follow
    if (marker === 0xe1 && view.getUint32(at + 4) === 0x45786966) return part(view, at + 4, size - 2);
    at += 2 + size;
  }
  return undefined;
}

function pngBlock(view: DataView): DataView | undefined {
  for (let at = 8; at + 12 <= view.byteLength; ) {
    const [size, name] = [view.getUint32(at), view.getUint32(at + 4)];
    if (name === 0x65584966) return part(view, at + 8, size);
    at += 12 + size;
  }
  return undefined;
}

function webpBlock(view: DataView): DataView | undefined {
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at) === 0x45584946) return part(view, at + 8, size);
    at += 8 + size + (size % 2);
  }
  return undefined;
}

function part(view: DataView, at: number, size: number): DataView {
  return new DataView(view.buffer, view.byteOffset + at, Math.min(size, view.byteLength - at));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
