const SIDE = 32;

/** Levels that a pixel may be off: browsers that only blur what trackers would recognise change the last bit or two. */
const TOLERANCE = 3;

/** No picture can be read in this browser, whatever the picture. */
export class HiddenPixelsError extends Error {
  override name = "HiddenPixelsError";
}

/** What is asked of a canvas. */
type Canvas = Pick<OffscreenCanvasRenderingContext2D, "createImageData" | "putImageData" | "getImageData">;

/**
 * Checks that a canvas gives back what was put into it: some browsers give stripes, so that no site can recognise a
 * device by how it draws, and pictures read there would be tagged as stripes.
 *
 * Throws HiddenPixelsError where that is so. Overwrites the canvas's corner.
 */
export function checkReadback(canvas: Canvas): void {
  const sent = canvas.createImageData(SIDE, SIDE);
  for (let i = 0; i < sent.data.length; i++) sent.data[i] = i % 4 === 3 ? 255 : Math.imul(i, 2_654_435_761) >>> 24; // opaque noise
  canvas.putImageData(sent, 0, 0);
  const { data } = canvas.getImageData(0, 0, SIDE, SIDE);
  if (data.some((value, i) => Math.abs(value - (sent.data[i] as number)) > TOLERANCE))
    throw new HiddenPixelsError(
      "this browser hides pixels from apps, against tracking. Let this page read canvases, or use another browser",
    );
}
