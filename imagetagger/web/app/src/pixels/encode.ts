import type { Turn } from "./orientation";

const SIDE = 1024;
const SHARP_SIDE = 256; // so small a picture is shown enlarged, where JPEG artefacts show; its PNG is small enough

const PREVIEW_BYTES = 256 * 1024;

/** Returns whether a file is small enough to be its own preview. */
export function isPreview(file: Blob, width: number, height: number): boolean {
  return Math.max(width, height) <= SIDE && file.size <= PREVIEW_BYTES;
}

/** Returns a preview of the upright picture: at most 1024 pixels per side, never enlarged; JPEG, or PNG if small. */
export async function makePreview(bitmap: ImageBitmap, turn: Turn, width: number, height: number): Promise<Blob> {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.scale(canvas.width / width, canvas.height / height);
  context.transform(...turn);
  context.drawImage(bitmap, 0, 0);
  const small = Math.max(width, height) <= SHARP_SIDE;
  return encode(canvas, small ? { type: "image/png" } : { type: "image/jpeg", quality: 0.85 });
}

/** Returns a square, uint8 RGB (size, size, 3), as PNG: lossless, as it is opaque. */
export async function encodePng(square: Uint8Array, size: number): Promise<Blob> {
  const image = new ImageData(size, size);
  for (let from = 0, to = 0; from < square.length; from += 3, to += 4) {
    image.data.set(square.subarray(from, from + 3), to);
    image.data[to + 3] = 255;
  }
  const canvas = new OffscreenCanvas(size, size);
  (canvas.getContext("2d") as OffscreenCanvasRenderingContext2D).putImageData(image, 0, 0);
  return encode(canvas, { type: "image/png" });
}

async function encode(canvas: OffscreenCanvas, options: ImageEncodeOptions): Promise<Blob> {
  try {
    return await canvas.convertToBlob(options);
  } finally {
    canvas.width = canvas.height = 0; // frees its memory, which the garbage collector does not see
  }
}
