import { UserError } from "../format/problems";

const SIDE = 32;

/** Levels that a pixel may differ: browsers that only blur against tracking change the last bit or two. */
const TOLERANCE = 3;

/** A browser in which no picture can be read. */
export class HiddenPixelsError extends UserError {
  override name = "HiddenPixelsError";

  constructor() {
    super({ kind: "hiddenPixels" });
  }
}

/** The methods of a canvas that are tested. */
type Canvas = Pick<OffscreenCanvasRenderingContext2D, "createImageData" | "putImageData" | "getImageData">;

/**
 * Checks that a canvas returns the pixels put into it: against tracking, some browsers return stripes, and pictures read
 * there would be tagged as stripes.
 *
 * Throws HiddenPixelsError otherwise. Overwrites the corner of the canvas.
 */
export function checkReadback(canvas: Canvas): void {
  const sent = canvas.createImageData(SIDE, SIDE);
  for (let i = 0; i < sent.data.length; i++) sent.data[i] = i % 4 === 3 ? 255 : Math.imul(i, 2_654_435_761) >>> 24; // opaque noise
  canvas.putImageData(sent, 0, 0);
  const { data } = canvas.getImageData(0, 0, SIDE, SIDE);
  if (data.some((value, i) => Math.abs(value - (sent.data[i] as number)) > TOLERANCE)) throw new HiddenPixelsError();
}
