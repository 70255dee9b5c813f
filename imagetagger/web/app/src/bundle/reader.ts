/** A bundle in memory, every file that the app uses checked against the manifest. See imagetagger/bundle/reader.py. */

import { sha256 } from "hash-wasm";
import { readTensors } from "../files/safetensors";
import { FileError } from "../format/errors";
import { type Label, readLabels, readTerms, type Term } from "../format/labels";
import { type Manifest, parseManifest } from "../format/manifest";
import { type Rows, statisticsProblem } from "../format/rows";
import { quote } from "../format/text";

/** A bundle whose files match its manifest. */
export interface Bundle {
  manifest: Manifest;
  labels: readonly Label[];
  /** Broader terms of the tags. */
  terms: readonly Term[];
  rows: Rows;
  /** (C), added to the score of each tag; 0 for tags that were fitted on pictures. */
  scoreOffset: Float32Array;
  /** model.tflite. */
  model: Uint8Array<ArrayBuffer>;
}

/** Bytes of labels.json and of terms.json. */
const MAX_TEXT_BYTES = 2 ** 24;

const REQUIRED_FILES = ["model.tflite", "statistics.safetensors", "labels.json"];

/** Returns the bytes of a file of the bundle. */
export type FetchFile = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Reads a bundle; throws FileError where something is missing, damaged, changed or of another schema. */
export async function readBundle(fetchFile: FetchFile): Promise<Bundle> {
  const manifest = await parseManifest(await fetchFile("manifest.json"));
  const read = async (name: string) => verified(name, await fetchFile(name), manifest);
  const missing = REQUIRED_FILES.filter((name) => !manifest.files.has(name));
  if (missing.length) throw new FileError(`missing from the bundle: ${missing.join(", ")}`);
  const [model, statistics, tags, words] = await Promise.all([
    ...([read("model.tflite"), read("statistics.safetensors"), read("labels.json")] as const),
    manifest.files.has("terms.json") ? read("terms.json") : null,
  ]);
  const labels = readLabels(tags);
  return {
    manifest,
    labels,
    terms: readTerms(words, labels),
    ...readStatistics(statistics, manifest, labels),
    model,
  };
}

async function verified(name: string, data: Uint8Array<ArrayBuffer>, manifest: Manifest) {
  const file = manifest.files.get(name);
  if (name.endsWith(".json") && data.length > MAX_TEXT_BYTES)
    throw new FileError(`${name} has ${data.length} bytes, expected at most ${MAX_TEXT_BYTES}`);
  if (data.length !== file?.bytes)
    throw new FileError(`${name} has ${data.length} bytes, expected ${file?.bytes}: it was cut or replaced`);
  if ((await sha256(data)) !== file.sha256)
    throw new FileError(`${name} was changed: its SHA-256 is not the one in manifest.json`);
  return data;
}

/** Returns the statistics of a .safetensors file, which must be bounded and of the manifest's space. */
export function readStatistics(
  data: Uint8Array<ArrayBuffer>,
  manifest: Manifest,
  labels: readonly Label[],
): Pick<Bundle, "rows" | "scoreOffset"> {
  const tags = labels.length;
  const file = "statistics.safetensors";
  const { tensors, metadata } = readTensors(data, file);
  const space = metadata.get("embedding_space");
  if (space !== manifest.embedding_space)
    throw new FileError(`${file} has the embedding space ${space}, expected ${manifest.embedding_space}`);
  const { features } = manifest.model;
  const shapes = { count: [tags], mean: [tags, features], m2: [tags, features], score_offset: [tags] };
  if (!tensors.has("score_offset")) tensors.set("score_offset", { shape: [tags], values: new Float32Array(tags) });
  if (tensors.size !== 4 || !Object.keys(shapes).every((key) => tensors.has(key)))
    throw new FileError(
      `${file} has the tensors ${[...tensors.keys()].sort().join(", ")}, expected count, m2, mean, score_offset`,
    );
  const read = (key: keyof typeof shapes) => {
    const tensor = tensors.get(key);
    if (!tensor || tensor.shape.join() !== shapes[key].join())
      throw new FileError(`${file}: ${key} is (${tensor?.shape}), expected (${shapes[key]})`);
    return tensor.values;
  };
  const rows = { count: read("count"), mean: read("mean"), m2: read("m2") };
  const scoreOffset = read("score_offset");
  const names = labels.map(({ name }) => quote(name));
  const problem = statisticsProblem(rows, scoreOffset, names);
  if (problem) throw new FileError(`${file}: ${problem}`);
  return { rows, scoreOffset };
}
