import { expect, test } from "vitest";
import { type Float32Tensor, readTensors, writeTensors } from "../src/files/safetensors";
import { FileError } from "../src/format/errors";

const TENSORS = new Map<string, Float32Tensor>([
  ["b", { shape: [2, 3], values: Float32Array.of(1, -0, Number.MIN_VALUE, 3.4e38, 5, 6) }],
  ["__proto__", { shape: [1], values: Float32Array.of(7) }],
  ["🐶", { shape: [0], values: new Float32Array(0) }],
  ["1", { shape: [], values: Float32Array.of(8) }],
]);

/** A file with this header, and so many bytes behind it. */
function made(header: unknown, bytes: number, length?: number): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const data = new Uint8Array(8 + json.length + bytes);
  new DataView(data.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  data.set(json, 8);
  return data;
}

test("tensors are read to the last bit, also from an unaligned part of a buffer", () => {
  const data = writeTensors(TENSORS, new Map([["embedding_space", "x"]]));
  const shifted = new Uint8Array(data.length + 9);
  shifted.set(data, 3);
  for (const bytes of [data, shifted.subarray(3, 3 + data.length)]) {
    const { tensors, metadata } = readTensors(bytes, "file");
    expect(new Map([...tensors].sort())).toEqual(new Map([...TENSORS].sort()));
    expect([...metadata]).toEqual([["embedding_space", "x"]]);
  }
});

test("a file that was cut or grew is refused, wherever", () => {
  const data = writeTensors(TENSORS);
  for (let length = 0; length < data.length; length++)
    expect(() => readTensors(data.slice(0, length), "file")).toThrow(FileError);
  expect(() => readTensors(Uint8Array.of(...data, 0), "file")).toThrow("more bytes");
});

const F32 = { dtype: "F32", shape: [1], data_offsets: [0, 4] };

test.each([
  ["a hole", made({ a: F32, b: { ...F32, data_offsets: [8, 12] } }, 12)],
  ["an overlap", made({ a: F32, b: F32 }, 4)],
  ["offsets backwards", made({ a: { ...F32, data_offsets: [4, 0] } }, 4)],
  ["three offsets", made({ a: { ...F32, data_offsets: [0, 4, 4] } }, 4)],
  ["another shape than bytes", made({ a: { ...F32, shape: [2] } }, 4)],
  ["a shape that overflows", made({ a: { ...F32, shape: [2 ** 32, 2 ** 32] } }, 4)],
  ["another dtype", made({ a: { ...F32, dtype: "F16" } }, 4)],
  ["a header that is not an object", made([F32], 4)],
  ["metadata that is not text", made({ __metadata__: { a: 1 }, a: F32 }, 4)],
  ["a header longer than the file", made({ a: F32 }, 4, 2 ** 40)],
])("a header with %s is refused", (_, data) => {
  expect(() => readTensors(data, "file")).toThrow(FileError);
});
