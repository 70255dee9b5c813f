import { expect, test } from "vitest";
import { readExif } from "../src/pixels/exif";

const ascii = (text: string) => [...text].map((c) => c.charCodeAt(0));

/** Bytes of numbers of 2 or 4 bytes, in one of the two orders. */
function number(value: number, size: number, little: boolean): number[] {
  const bytes = Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
  return little ? bytes : bytes.reverse();
}

/** A TIFF block: orientation and the time of the last change in the first directory, the time taken in the second. */
function block({
  orientation = 6,
  taken = "2024:05:01 18:30:00",
  changed = "",
  little = true,
  type = 3,
} = {}): number[] {
  const [two, four] = [2, 4].map((size) => (value: number) => number(value, size, little)) as [
    (value: number) => number[],
    (value: number) => number[],
  ];
  const entry = (tag: number, kind: number, count: number, value: number[]) => [
    ...[...two(tag), ...two(kind), ...four(count)],
    ...[...value, 0, 0, 0, 0].slice(0, 4),
  ];
  const main = 8;
  const camera = main + 2 + 3 * 12 + 4;
  const times = camera + 2 + 12 + 4;
  return [
    ...ascii(little ? "II" : "MM"),
    ...two(42),
    ...four(main),
    ...two(3),
    ...entry(0x0112, type, 1, two(orientation)),
    ...entry(0x0132, 2, 20, four(times + 20)),
    ...entry(0x8769, 4, 1, four(camera)),
    ...four(0),
    ...two(1),
    ...entry(0x9003, 2, 20, four(times)),
    ...four(0),
    ...[...ascii(taken), ...Array(20).fill(0)].slice(0, 20),
    ...[...ascii(changed), ...Array(20).fill(0)].slice(0, 20),
  ];
}

const exif = (tiff: number[]) => [...ascii("Exif"), 0, 0, ...tiff];
const jpeg = (body: number[]) =>
  Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xe1, ...number(body.length + 2, 2, false), ...body]);
const png = (body: number[]) =>
  Uint8Array.from([
    ...ascii("\x89PNG\r\n\x1a\n"),
    ...number(body.length, 4, false),
    ...ascii("eXIf"),
    ...body,
    0,
    0,
    0,
    0,
  ]);
const webp = (body: number[]) =>
  Uint8Array.from([...ascii("RIFF"), 0, 0, 0, 0, ...ascii("WEBPEXIF"), ...number(body.length, 4, true), ...body]);
const read = (...[options]: Parameters<typeof block>) => readExif(jpeg(exif(block(options))), "jpeg");

test.each([true, false])("the time and the turn are read from all three formats, in both orders of bytes", (little) => {
  const expected = { orientation: 6, taken: "2024-05-01T18:30:00" };
  const tiff = block({ little });
  expect(readExif(jpeg(exif(tiff)), "jpeg")).toEqual(expected);
  expect(readExif(png(tiff), "png")).toEqual(expected);
  expect(readExif(webp(tiff), "webp")).toEqual(expected);
  expect(readExif(webp(exif(tiff)), "webp")).toEqual(expected);
});

test("without a time of the camera that of the last change counts", () => {
  expect(read({ taken: "", changed: "2020:02:29 00:00:00" }).taken).toBe("2020-02-29T00:00:00");
});

test.each([
  "0000:00:00 00:00:00",
  "2024:13:01 00:00:00",
  "2023:02:29 00:00:00",
  "2024:05:01 25:00:00",
  "    :  :     :  :  ",
])("%j is no time", (taken) => {
  expect(read({ taken }).taken).toBeNull();
});

test("an impossible turn, or one of another type, is none", () => {
  expect(read({ orientation: 9 }).orientation).toBe(1);
  expect(read({ type: 4 }).orientation).toBe(1);
});

test("cut anywhere, nothing fails", () => {
  const bytes = jpeg(exif(block()));
  for (let end = 0; end < bytes.length; end++)
    expect(readExif(bytes.subarray(0, end), "jpeg").orientation).toBeDefined();
  expect(readExif(bytes, "gif")).toEqual({ orientation: 1, taken: null });
});
