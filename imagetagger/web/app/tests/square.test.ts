import { expect, test } from "vitest";
import { beginId } from "../src/pixels/picture_id";
import { cropBox, streamSquare } from "../src/pixels/square";

/** Pixels of a small generator that Python has too: Lehmer's, 48271 modulo 2^31 - 1. */
function made(width: number, height: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: width * height * 3 }, () => {
    state = (state * 48271) % 2147483647;
    return state & 255;
  });
}

function squared(rgb: Uint8Array, width: number, height: number, size: number, rows: number): Uint8Array {
  const stream = streamSquare(width, height, size);
  for (let at = 0; at < rgb.length; at += rows * width * 3) stream.add(rgb.subarray(at, at + rows * width * 3));
  return stream.pixels();
}

/** The contract by its definition, with complete pictures: a triangle along the first axis of (length, others). */
function resized(pixels: number[][], start: number, stop: number, size: number): number[][] {
  const scale = (stop - start) / size;
  const support = Math.max(scale, 1);
  return Array.from({ length: size }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const weights = pixels.map((_, x) => Math.max(1 - Math.abs(x + 0.5 - centre) / support, 0));
    const sum = weights.reduce((a, b) => a + b);
    const fixed = weights.map((weight) => Math.round((weight / sum) * 2 ** 22));
    return (pixels[0] as number[]).map((_, j) => {
      const total = pixels.reduce((all, line, x) => all + (line[j] as number) * (fixed[x] as number), 2 ** 21);
      return Math.min(Math.floor(total / 2 ** 22), 255);
    });
  });
}

function defined(rgb: Uint8Array, width: number, height: number, size: number): number[] {
  const [x0, y0, x1, y1] = cropBox(width, height);
  const at = (y: number, x: number, c: number) => rgb[(y * width + x) * 3 + c] as number;
  const indices = (length: number) => [...Array(length).keys()];
  const columns = indices(width).map((x) => indices(height * 3).map((j) => at(Math.floor(j / 3), x, j % 3)));
  const across = resized(columns, x0, x1, size);
  const lines = indices(height).map((y) =>
    indices(size * 3).map((j) => across[Math.floor(j / 3)]?.[y * 3 + (j % 3)] ?? 0),
  );
  return resized(lines, y0, y1, size).flat();
}

test.each([
  [1, 1, 5],
  [3, 5, 8],
  [16, 16, 16],
  [37, 41, 7],
  [90, 11, 6],
  [5, 64, 9],
  [33, 32, 1],
])("the square of %i x %i pixels to %i is two triangle passes, horizontal first", (width, height, size) => {
  const rgb = made(width, height);
  expect([...squared(rgb, width, height, size, height)]).toEqual(defined(rgb, width, height, size));
});

test("squares are Pillow's", () => {
  expect([...squared(made(5, 3), 5, 3, 2, 1)]).toEqual([112, 180, 118, 129, 76, 115, 118, 105, 187, 116, 103, 142]);
  const pixels =
    "130 128 135 127 129 131 129 128 127 131 131 134 127 129 131 128 132 124 126 132 132 124 122 131 125 124 131";
  expect([...squared(made(40, 31), 40, 31, 3, 31)].join(" ")).toBe(pixels);
});

test.each([1, 2, 5, 16, 100])("bands of %i rows give the same square", (rows) => {
  const rgb = made(50, 61);
  expect(squared(rgb, 50, 61, 12, rows)).toEqual(squared(rgb, 50, 61, 12, 61));
});

test("a square of missing rows is an error", () => {
  const stream = streamSquare(4, 4, 2);
  stream.add(made(4, 3));
  expect(() => stream.pixels()).toThrow("got 3 rows, expected 4");
});

test("ids are Python's, however the rows come, one after the other", async () => {
  const rgb = made(40, 31);
  for (const rows of [1, 4, 31]) {
    const id = await beginId(40, 31);
    for (let at = 0; at < rgb.length; at += rows * 120) id.update(rgb.subarray(at, at + rows * 120));
    expect(await id.digest()).toBe("aa5b8bcb20dbe88185c6c2aac552a20e36f5ceb73393f8ed5d667482e4a3a906");
  }
});
