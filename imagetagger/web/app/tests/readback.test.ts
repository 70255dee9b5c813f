import { expect, test } from "vitest";
import { checkReadback } from "../src/pixels/readback";

/** A canvas that remembers what was put, and gives back what `change` makes of it. */
function canvas(change: (value: number, i: number) => number) {
  let stored = new Uint8ClampedArray();
  const image = (data: Uint8ClampedArray) => ({ data }) as unknown as ImageData;
  return {
    createImageData: (width: unknown, height?: number) =>
      image(new Uint8ClampedArray(Number(width) * (height ?? 0) * 4)),
    putImageData({ data }: ImageData) {
      stored = Uint8ClampedArray.from(data);
    },
    getImageData: () => image(stored.map(change)),
  } as unknown as Parameters<typeof checkReadback>[0];
}

test("a canvas that gives back what it was given can be read, and so can one that blurs the last bit", () => {
  checkReadback(canvas((value) => value));
  checkReadback(canvas((value, i) => value ^ (i % 7 === 0 ? 1 : 0)));
});

test.each([
  ["white", () => 255],
  ["stripes", (_: number, i: number) => ((i >> 2) % 2) * 255],
  ["its own noise", (_: number, i: number) => (i * 1_103_515_245) >>> 24],
])("a browser that shows apps %s is told from one that lets them read pictures", (_, change) => {
  expect(() => checkReadback(canvas(change))).toThrow("hiddenPixels");
});
