/**
 * Named float32 tensors in one file, and back: the format .safetensors.
 *
 * Eight bytes with the length of a header, little-endian; the header, JSON: for each tensor its dtype, shape and where
 * its values begin and end; the values. Source: https://github.com/huggingface/safetensors#format.
 */

import { BundleError, type Json, listOf, mapOf, object, oneOf, parseJson, shape, text, whole } from "./json";

/** Values row by row, and how many in each dimension. */
export interface Float32Tensor {
  shape: readonly number[];
  values: Float32Array<ArrayBuffer>;
}

const entry = shape({
  dtype: oneOf("F32"),
  shape: listOf(whole(0, 2 ** 32)),
  data_offsets: listOf(whole(0, 2 ** 53)),
});

/** Returns the tensors and the metadata of a file; throws BundleError unless it is whole and all float32. */
export function readTensors(
  data: Uint8Array<ArrayBuffer>,
  name: string,
): { tensors: Map<string, Float32Tensor>; metadata: Map<string, string> } {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const length = data.length < 8 ? Number.NaN : Number(view.getBigUint64(0, true));
  if (!(length <= data.length - 8))
    throw new BundleError(`${name} is no .safetensors file, or damaged: it is too short`);
  const { __metadata__: given, ...entries } = object(parseJson(data.subarray(8, 8 + length), name), name);
  if (given !== undefined && given !== null) mapOf(text)(given, `${name}: __metadata__`);
  mapOf(entry)(entries, name);
  const start = 8 + length;
  const tensors = new Map<string, Float32Tensor>();
  let used = 0;
  const ordered = Object.entries(entries as Record<string, { shape: number[]; data_offsets: number[] }>).sort(
    ([, a], [, b]) =>
      (a.data_offsets[0] ?? 0) - (b.data_offsets[0] ?? 0) || (a.data_offsets[1] ?? 0) - (b.data_offsets[1] ?? 0),
  );
  for (const [key, { shape: dimensions, data_offsets: offsets }] of ordered) {
    const [from, to] = offsets;
    const bytes = 4 * dimensions.reduce((a, b) => a * b, 1);
    if (offsets.length !== 2 || from !== used || to !== from + bytes || start + to > data.length)
      throw new BundleError(`${name} is damaged: ${key.slice(0, 100)} is not where its header says`);
    used = to;
    const values = new Float32Array<ArrayBuffer>(data.slice(start + from, start + to).buffer);
    tensors.set(key, { shape: dimensions, values });
  }
  if (start + used !== data.length) throw new BundleError(`${name} is damaged: it has more bytes than its header says`);
  return { tensors, metadata: new Map(Object.entries((given ?? {}) as Record<string, string>)) };
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
