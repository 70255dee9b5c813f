/** A bundle in memory, every file that the app uses checked against the manifest. See imagetagger/bundle/reader.py. */

import { sha256 } from "hash-wasm";
import * as v from "valibot";
import { FileError } from "../files/errors";
import { checked, listOf, parseJson, printable, shape } from "../files/json";
import { readTensors } from "../files/safetensors";
import { type Manifest, parseManifest } from "./manifest";

export type { Manifest } from "./manifest";

const labelText = printable(500);

/** Tags of the bundle, whose ids differ. */
const labelList = v.pipe(
  listOf(shape({ id: labelText, name: labelText, synonyms: listOf(labelText) })),
  v.minLength(1, "at least one tag"),
  v.check((labels) => new Set(labels.map(({ id }) => id)).size === labels.length, "tags of different ids"),
);

/** A tag: its stable id, the name that people see, other names that they may look for. */
export interface Label {
  id: string;
  name: string;
  synonyms: readonly string[];
}

/** Sufficient statistics, one row per tag: count (C), mean (C, D) and m2 (C, D); see classifier/statistics.py. */
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

/** Returns the bytes of a file of the bundle. */
export type FetchFile = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Reads a bundle; throws FileError where something is missing, damaged, changed or of another schema. */
export async function readBundle(fetchFile: FetchFile): Promise<Bundle> {
  const manifest = await parseManifest(await fetchFile("manifest.json"));
  const read = async (name: string) => verified(name, await fetchFile(name), manifest);
  const names = ["model.tflite", "statistics.safetensors", "labels.json"];
  const missing = names.filter((name) => !manifest.files.has(name));
  if (missing.length) throw new FileError(`missing from the bundle: ${missing.join(", ")}`);
  const [model, statistics, tags] = (await Promise.all(names.map(read))) as [Bundle["model"], ...Bundle["model"][]];
  const labels = checked(labelList, parseJson(tags as Bundle["model"], "labels.json"), "labels.json");
  return { manifest, labels, rows: readRows(statistics as Bundle["model"], manifest, labels.length), model };
}

async function verified(name: string, data: Uint8Array<ArrayBuffer>, manifest: Manifest) {
  const file = manifest.files.get(name);
  if (data.length !== file?.bytes)
    throw new FileError(`${name} has ${data.length} bytes, expected ${file?.bytes}: it was cut or replaced`);
  if ((await sha256(data)) !== file.sha256)
    throw new FileError(`${name} was changed: its SHA-256 is not the one in manifest.json`);
  return data;
}

/** Returns the statistics of a .safetensors file, which must be finite and of the manifest's space. */
function readRows(data: Uint8Array<ArrayBuffer>, manifest: Manifest, tags: number): Rows {
  const file = "statistics.safetensors";
  const { tensors, metadata } = readTensors(data, file);
  const space = metadata.get("embedding_space");
  if (space !== manifest.embedding_space)
    throw new FileError(`${file} has the embedding space ${space}, expected ${manifest.embedding_space}`);
  const { features } = manifest.model;
  const shapes = { count: [tags], mean: [tags, features], m2: [tags, features] };
  if (tensors.size !== 3 || !Object.keys(shapes).every((key) => tensors.has(key)))
    throw new FileError(`${file} has the tensors ${[...tensors.keys()].sort().join(", ")}, expected count, m2, mean`);
  const read = (key: "count" | "mean" | "m2") => {
    const tensor = tensors.get(key);
    if (!tensor || tensor.shape.join() !== shapes[key].join())
      throw new FileError(`${file}: ${key} is (${tensor?.shape}), expected (${shapes[key]})`);
    if (!tensor.values.every(Number.isFinite)) throw new FileError(`${file}: ${key} must be finite`);
    return tensor.values;
  };
  const rows = { count: read("count"), mean: read("mean"), m2: read("m2") };
  if (rows.count.some((value) => value < 0) || rows.m2.some((value) => value < 0))
    throw new FileError(`${file}: count and m2 must not be negative`);
  return rows;
}
