import { expect, test } from "vitest";
import { isPlainJpeg } from "../src/pixels/colours";

const segment = (marker: number, length = 4) => [0xff, marker, 0, length, ...Array<number>(length - 2).fill(0)];
const jpeg = (...segments: number[][]) => Uint8Array.from([0xff, 0xd8, ...segments.flat()]);

test("a JPEG is plain if no profile comes before its pixels", () => {
  const [jfif, exif, profile, pixels] = [0xe0, 0xe1, 0xe2, 0xda].map((marker) => segment(marker, 9));
  if (!jfif || !exif || !profile || !pixels) throw new Error("got fewer segments, expected four");
  expect(isPlainJpeg(jpeg(jfif, exif, pixels))).toBe(true);
  expect(isPlainJpeg(jpeg(pixels, profile))).toBe(true);
  expect(isPlainJpeg(jpeg(jfif, profile, pixels))).toBe(false);
});

test("a JPEG that cannot be followed to its pixels is not plain", () => {
  expect(isPlainJpeg(jpeg())).toBe(false);
  expect(isPlainJpeg(jpeg(segment(0xe0), [0xff]))).toBe(false);
  expect(isPlainJpeg(jpeg(segment(0xe0), [0, 0xda, 0, 9]))).toBe(false);
});
