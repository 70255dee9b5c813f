/**
 * Named float32 tensors in one file, and back: the format .safetensors.
 *
 * Eight bytes with the length of a header, little-endian; the header, JSON: for each tensor its dtype, shape and where
 * its values begin and end; the values. Source: https://github.com/huggingface/safetensors#format.
 */

import * as v from "valibot";
import { FileError } from "../format/errors";
import { checked, integer, type Json, listOf, mapOf, oneOf, parseJson, shape, text } from "../format/json";

/** Bytes of a header, and values in it, seven for a tensor: lessons have one for each of 80,000 pictures at most. */
const [MAX_HEADER_BYTES, MAX_HEADER_VALUES] = [2 ** 24, 1_000_000];

/** Values row by row, and how many in each dimension. */
export interface Float32Tensor {
  shape: readonly number[];
  values: Float32Array<ArrayBuffer>;
}

const tensorEntry = shape({
  dtype: oneOf("F32"),
  shape: listOf(integer(0, 2 ** 32)),
  data_offsets: v.strictTuple([integer(0, 2 ** 53), integer(0, 2 ** 53)], "where its values begin and end"),
});

/** Returns the tensors, at most `most`, and the metadata; throws FileError unless a file is complete and all float32. */
export function readTensors(
  data: Uint8Array<ArrayBuffer>,
  file: string,
  most = 5,
): { tensors: Map<string, Float32Tensor>; metadata: Map<string, string> } {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const length = data.length < 8 ? Number.NaN : Number(view.getBigUint64(0, true));
  if (!(length <= data.length - 8))
    throw new FileError(`${file} is damaged, or not a .safetensors file: it is too short`);
  if (length > MAX_HEADER_BYTES)
    throw new FileError(`${file} has a header of ${length} bytes, expected at most ${MAX_HEADER_BYTES}`);
  const header = checked(mapOf(v.unknown()), parseJson(data.subarray(8, 8 + length), file, MAX_HEADER_VALUES), file);
  const metadata = checked(mapOf(text), header.get("__metadata__") ?? {}, `${file}: __metadata__`);
  header.delete("__metadata__");
  if (header.size > most) throw new FileError(`${file} has ${header.size} tensors, expected at most ${most}`);
  const start = 8 + length;
  const tensors = new Map<string, Float32Tensor>();
  let used = 0;
  const entries = Array.from(
    header,
    ([key, value]) => [key, checked(tensorEntry, value, `${file}: ${key.slice(0, 100)}`)] as const,
  );
  const ordered = entries.sort(([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1]);
  for (const [key, { shape: dimensions, data_offsets }] of ordered) {
    const [from, to] = data_offsets;
    const bytes = 4 * dimensions.reduce((a, b) => a * b, 1);
    if (from !== used || to !== from + bytes || start + to > data.length)
      throw new FileError(`${file} is damaged: ${key.slice(0, 100)} is not where its header says`);
    used = to;
    const values = new Float32Array<ArrayBuffer>(data.slice(start + from, start + to).buffer);
    tensors.set(key, { shape: dimensions, values });
  }
  if (start + used !== data.length) throw new FileError(`${file} is damaged: it has more bytes than its header says`);
  return { tensors, metadata };
}

/** Returns a file of these tensors. */
export function writeTensors(
  tensors: ReadonlyMap<string, Float32Tensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  const entries: [string, Json][] = metadata.size ? [["__metadata__", Object.fromEntries(metadata)]] : [];
  let used = 0;
  for (const [key, { shape: dimensions, values }] of tensors) {
    const end = used + values.byteLength;
    entries.push([key, { dtype: "F32", shape: dimensions, data_offsets: [used, end] }]);
    used = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8; // keeps values aligned
  const data = new Uint8Array(8 + length + used);
  new DataView(data.buffer).setBigUint64(0, BigInt(length), true);
  data.fill(" ".charCodeAt(0), 8, 8 + length);
  data.set(json, 8);
  let at = 8 + length;
  for (const { values } of tensors.values()) {
    data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return data;
}
