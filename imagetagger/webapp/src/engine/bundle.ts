/** A bundle in memory, every file that the app uses checked against the manifest. See imagetagger/bundle/read.py. */

import { sha256 } from "hash-wasm";
import { BundleError, listOf, parseJson, shape, text } from "../files/json";
import { readTensors } from "../files/safetensors";
import { type Manifest, parseManifest, printable } from "./manifest";

export { BundleError } from "../files/json";
export type { Manifest } from "./manifest";

/** A tag of the bundle: its stable id, the name people see, other names that people may look for. */
export interface Label {
  id: string;
  name: string;
  synonyms: readonly string[];
}

/** Sufficient statistics, a row a tag: count (C), mean (C, D) and m2 (C, D), row by row; see imagetagger/gaussian.py. */
export interface Rows {
  count: Float32Array<ArrayBuffer>;
  mean: Float32Array<ArrayBuffer>;
  m2: Float32Array<ArrayBuffer>;
}

/** A bundle whose files match its manifest. */
export interface Bundle {
  manifest: Manifest;
  labels: readonly Label[];
  rows: Rows;
  /** model.tflite. */
  model: Uint8Array<ArrayBuffer>;
}

/** Gives the bytes of a file of the bundle. */
export type FetchFile = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Reads a bundle; throws BundleError where something is missing, damaged, changed or of a newer schema. */
export async function readBundle(fetchFile: FetchFile): Promise<Bundle> {
  const manifest = await parseManifest(await fetchFile("manifest.json"));
  const names = ["model.tflite", "statistics.safetensors", "labels.json"] as const;
  const missing = names.filter((name) => !Object.hasOwn(manifest.files, name));
  if (missing.length) throw new BundleError(`missing from the bundle: ${missing.join(", ")}`);
  const [model, statistics, tags] = (await Promise.all(
    names.map(async (name) => checked(name, await fetchFile(name), manifest)),
  )) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  const labels = readLabels(tags);
  return { manifest, labels, rows: readRows(statistics, manifest, labels.length), model };
}

async function checked(name: string, data: Uint8Array<ArrayBuffer>, manifest: Manifest) {
  const file = manifest.files[name];
  if (data.length !== file?.bytes)
    throw new BundleError(`${name} has ${data.length} bytes, expected ${file?.bytes}: it was cut or replaced`);
  if ((await sha256(data)) !== file.sha256)
    throw new BundleError(`${name} was changed: its SHA-256 is not the one in manifest.json`);
  return data;
}

/** Returns the tags of labels.json, whose ids must differ. */
function readLabels(data: Uint8Array<ArrayBuffer>): Label[] {
  const where = "labels.json";
  const value = parseJson(data, where);
  listOf(shape({ id: text, name: text, synonyms: listOf(text) }))(value, where);
  const labels = value as Label[];
  if (!labels.length) throw new BundleError(`${where}: expected a list of at least one tag`);
  for (const [i, { id, name, synonyms }] of labels.entries())
    if (![id, name, ...synonyms].every((part) => printable(part, 500)))
      throw new BundleError(`${where}: ${i}: id, name and synonyms must have 1 to 500 printable characters`);
  if (new Set(labels.map((label) => label.id)).size < labels.length)
    throw new BundleError(`${where}: two tags have the same id`);
  return labels;
}

/** Returns the statistics of a .safetensors file, which must be finite and of the manifest's space. */
function readRows(data: Uint8Array<ArrayBuffer>, manifest: Manifest, tags: number): Rows {
  const name = "statistics.safetensors";
  const { tensors, metadata } = readTensors(data, name);
  const space = metadata.get("embedding_space");
  if (space !== manifest.embedding_space)
    throw new BundleError(`${name} is of the embedding space ${space}, expected ${manifest.embedding_space}`);
  const { features } = manifest.model;
  const shapes = { count: [tags], mean: [tags, features], m2: [tags, features] };
  if (tensors.size !== 3 || !Object.keys(shapes).every((key) => tensors.has(key)))
    throw new BundleError(`${name} holds ${[...tensors.keys()].sort().join(", ")}, expected count, m2, mean`);
  const read = (key: "count" | "mean" | "m2") => {
    const tensor = tensors.get(key);
    if (!tensor || tensor.shape.join() !== shapes[key].join())
      throw new BundleError(`${name}: ${key} is (${tensor?.shape}), expected (${shapes[key]})`);
    if (!tensor.values.every(Number.isFinite)) throw new BundleError(`${name}: ${key} has values that are no numbers`);
    return tensor.values;
  };
  const rows = { count: read("count"), mean: read("mean"), m2: read("m2") };
  if (rows.count.some((value) => value < 0) || rows.m2.some((value) => value < 0))
    throw new BundleError(`${name}: counts and squares must not be negative`);
  return rows;
}
