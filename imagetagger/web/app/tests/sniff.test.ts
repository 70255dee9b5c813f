import { expect, test } from "vitest";
import { checkComplete } from "../src/pixels/completeness";
import { readExif } from "../src/pixels/exif";
import { turn } from "../src/pixels/orientation";
import { BadImageError, sniff } from "../src/pixels/sniff";
import { english } from "../src/words/english";

const bytes = (...parts: (string | number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)));
const word = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const reversed = (n: number) => word(n).reverse();

const png = (width: number, height: number) =>
  bytes([0x89], "PNG\r\n\x1a\n", word(13), "IHDR", word(width), word(height), [8, 2, 0, 0, 0, 0, 0, 0, 0]);
const jpeg = bytes(
  [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0, 0xff, 0xc0, 0, 11, 8, 0, 3, 0, 5, 1, 1, 17, 0],
  [0xff, 0xda, 0, 3, 1, 9, 0xff, 0, 0xff, 0xd0, 7],
);
const gif = bytes("GIF89a", [5, 0, 3, 0, 0, 0, 0]);

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof BadImageError) return english.problem(error.problem);
    throw error;
  }
  return "";
}

test("a picture has its format and its size", () => {
  expect(sniff(png(7, 9), 63)).toEqual({ type: "png", width: 7, height: 9 });
  expect(sniff(jpeg, 100)).toEqual({ type: "jpeg", width: 5, height: 3 });
  expect(sniff(gif, 100)).toEqual({ type: "gif", width: 5, height: 3 });
});

test("more pixels than the limit are refused in words", () => {
  expect(refusal(() => sniff(png(12_000, 10_000), 1e8))).toBe(
    "Too large: 12,000 x 10,000 pixels; at most 100 million.",
  );
  expect(refusal(() => sniff(png(8, 8), 63))).toBe("Too large: 8 x 8 pixels; at most 63.");
  expect(refusal(() => sniff(png(0xffffffff, 0xffffffff), 1e8))).toContain("at most 100 million");
});

test.each([
  ["an empty file", bytes()],
  ["an SVG", bytes("<svg onload='run()'>")],
  ["an SVG", bytes("\n<!DOCTYPE svg [<!ENTITY a 'b'>]><x:svg xmlns:x='http://www.w3.org/2000/svg'/>")],
  ["a web page or other text", bytes("<!DOCTYPE html><html><svg ></svg></html>")],
  ["a video", bytes(word(24), "ftypisom", word(0), "isomiso2")],
  ["a camera raw file", bytes(word(24), "ftypcrx ", word(0), "crx isom")],
  ["a camera raw file", bytes("FUJIFILMCCD-RAW 0201", word(0))],
  ["a camera raw file", bytes("II*\0", reversed(16), "CR", [2, 0], word(0))],
  ["a Photoshop file", bytes("8BPS", word(1), word(0), word(0), word(0), word(0))],
  ["an EPS drawing", bytes("%!PS-Adobe-3.0 EPSF-3.0\n")],
  ["an EPS drawing", bytes([0xc5, 0xd0, 0xd3, 0xc6], word(30))],
  ["a FITS picture", bytes("SIMPLE  =                    T")],
  ["a QOI picture", bytes("qoif", word(4), word(3), [3, 0])],
  ["an icon of macOS", bytes("icns", word(24), "ic10", word(16), word(0))],
  ["an HDF5 file", bytes([0x89], "HDF\r\n\x1a\n", word(0))],
  ["a video", bytes([0, 0, 1, 0xba], word(0))],
  ["a PDF", bytes("%PDF-1.7\n")],
  ["not a picture", bytes("PK\x03\x04 and so on")],
  ["damaged", png(0, 7)],
  ["damaged", bytes([0xff, 0xd8, 0xff])],
])("%s is refused by that name", (name, data) => {
  expect(refusal(() => sniff(data, 1e8))).toMatch(new RegExp(`^${name}`, "i"));
});

test("a header of 60 bytes is not mistaken for a drawing", () => {
  expect(refusal(() => sniff(bytes([0xff, 0xd8, 0xff, 0xe1, 0, 0x3c], "<svg "), 1e8))).toContain("Damaged");
});

test("whatever the bytes are, the answer is a picture or a reason, soon", () => {
  let state = 1;
  const random = (below: number) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const starts = [
    jpeg,
    png(5, 5),
    gif,
    bytes(word(24), "ftypheic", word(0), word(40), "meta", word(0), word(20), "iprp"),
  ];
  const riff = bytes("RIFF", word(0), "WEBPVP8X");
  const others = [
    riff,
    bytes("BM"),
    bytes("II*\0"),
    bytes("MM\0*"),
    bytes([0, 0, 1, 0]),
    bytes([0xff, 0x0a]),
    bytes("icns"),
  ];
  const before = performance.now();
  for (let i = 0; i < 4000; i++) {
    const start = [...starts, ...others][i % (starts.length + others.length)] as Uint8Array;
    const data = Uint8Array.from([...start, ...Array.from({ length: random(300) }, () => random(random(2) ? 256 : 3))]);
    if (random(2)) data[random(data.length)] = random(256);
    refusal(() => checkComplete(data, sniff(data, 1e8).type));
    for (const type of ["jpeg", "png", "webp"]) readExif(data, type);
  }
  expect(performance.now() - before).toBeLessThan(10_000);
});

test("a JPEG ends with its own mark, not with that of the small picture in its header", () => {
  expect(refusal(() => checkComplete(jpeg, "jpeg"))).toContain("Damaged");
  expect(refusal(() => checkComplete(bytes([...jpeg], [0xff, 0xd9], "more"), "jpeg"))).toBe("");
});

test("a GIF is complete with its first picture, a BMP with its length", () => {
  const comment = [0x21, 0xfe, 2, 0x2c, 0, 0];
  const frame = [0x2c, 0, 0, 0, 0, 5, 0, 3, 0, 0x80, ...Array(6).fill(0), 2, 2, 0x4c, 1, 0];
  const film = bytes([...gif], comment, frame, [0x2c, 0]);
  expect(refusal(() => checkComplete(film, "gif"))).toBe("");
  for (let end = 0; end < film.length - 2; end++)
    expect(refusal(() => checkComplete(film.subarray(0, end), "gif"))).toContain("Damaged");
  const bmp = bytes("BM", reversed(20), Array(14).fill(0));
  expect(refusal(() => checkComplete(bmp, "bmp"))).toBe("");
  expect(refusal(() => checkComplete(bmp.subarray(0, 19), "bmp"))).toContain("Damaged");
});

test("a PNG ends with its last chunk, a WebP with its length", () => {
  expect(refusal(() => checkComplete(png(1, 1), "png"))).toContain("Damaged");
  expect(refusal(() => checkComplete(bytes([...png(1, 1)], word(0), "IEND", word(0), "more"), "png"))).toBe("");
  const webp = bytes("RIFF", reversed(12), "WEBPVP8 ", word(0));
  expect(refusal(() => checkComplete(webp, "webp"))).toBe("");
  expect(refusal(() => checkComplete(webp.subarray(0, 19), "webp"))).toContain("Damaged");
});

test.each(["", "Exif\0\0"])("a WebP's orientation is found after %j, in both orders of bytes", (prefix) => {
  const little = bytes(prefix, "II*\0", reversed(8), [1, 0, 0x12, 1, 3, 0], reversed(1), [6, 0, 0, 0]);
  const big = bytes(prefix, "MM\0*", word(8), [0, 1, 1, 0x12, 0, 3], word(1), [0, 8, 0, 0]);
  for (const [exif, orientation] of [
    [little, 6],
    [big, 8],
  ] as const) {
    const odd = bytes("VP8 ", reversed(3), [1, 2, 3, 0]); // chunks are padded to an even length
    const file = bytes("RIFF", word(0), "WEBP", [...odd], "EXIF", reversed(exif.length), [...exif]);
    expect(readExif(file, "webp").orientation).toBe(orientation);
    for (let end = 0; end < file.length; end++)
      expect(readExif(file.subarray(0, end), "webp").orientation).toBeOneOf([1, orientation]);
  }
});

test("every turn moves the stored corners onto the upright picture's", () => {
  for (let orientation = 1; orientation <= 8; orientation++) {
    const [a, b, c, d, e, f] = turn(orientation, 30, 20);
    const corners = [
      [0, 0],
      [30, 0],
      [0, 20],
      [30, 20],
    ].map(([x = 0, y = 0]) => [a * x + c * y + e, b * x + d * y + f]);
    const [width, height] = orientation > 4 ? [20, 30] : [30, 20];
    expect(corners.sort().map(String).sort()).toEqual(
      [`0,0`, `0,${height}`, `${width},0`, `${width},${height}`].sort(),
    );
  }
});
