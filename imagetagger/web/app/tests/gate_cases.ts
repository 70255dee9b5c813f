/** The table of what the gates for files take and refuse: see tests/helpers/gate_cases.py, which reads it too. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { crc32, deflateRawSync } from "node:zlib";
import { readStatistics } from "../src/bundle/reader";
import { readLabels, readTerms } from "../src/format/labels";
import { parseManifest } from "../src/format/manifest";
import { loadLessons } from "../src/lessons/lesson_file";

interface Tensor {
  shape: number[];
  values: number[];
}

/** A change of a valid file. */
interface Change {
  set?: Path;
  times?: number;
  remove?: Path;
  fill?: Path;
  count?: number;
  entry?: [string, unknown];
  nest?: Path;
  depth?: number;
  replace?: [string, string];
  values?: string;
  at?: number;
  value?: unknown;
  with?: Record<string, Tensor>;
  append?: number;
  length?: number;
  entries?: Record<string, number>;
  folder?: string;
  without?: string;
  twice?: string;
  claim?: [string, number];
  cut?: number;
}

type Path = (string | number)[];

export interface Case {
  file: keyof typeof VALID | "lessons.zip";
  case: string;
  change?: Change;
  /** A part of the error in which `: ` is `.`; null where the file is taken. */
  refused: string | null;
}

const table = JSON.parse(readFileSync(new URL("gate_cases.json", import.meta.url), "utf8"));

const VALID = table.valid as {
  [file in "manifest.json" | "labels.json" | "terms.json" | "lessons.json"]: unknown;
} & { [file in "statistics.safetensors" | "embeddings.safetensors"]: Record<string, Tensor> };

export const CASES = table.cases as Case[];

/** Reads the file of a case. */
export async function readCase({ file, change = {} }: Case): Promise<void> {
  const labels = readLabels(changedJson(VALID["labels.json"], file === "labels.json" ? change : {}));
  if (file === "manifest.json") await parseManifest(sealed(changedJson(VALID[file], change)));
  else if (file === "terms.json") readTerms(changedJson(VALID[file], change), labels);
  else if (file === "statistics.safetensors") {
    const manifest = await parseManifest(sealed(changedJson(VALID["manifest.json"], {})));
    readStatistics(changedTensors(VALID[file], change), manifest, labels);
  } else if (file !== "labels.json") await loadLessons(new Blob([changedLessons(file, change)]));
}

function changedLessons(file: Case["file"], change: Change): Uint8Array<ArrayBuffer> {
  const changeOf = (name: Case["file"]) => (name === file ? change : {});
  const files: [string, Uint8Array][] = [
    ["lessons.json", changedJson(VALID["lessons.json"], changeOf("lessons.json"))],
    ["embeddings.safetensors", changedTensors(VALID["embeddings.safetensors"], changeOf("embeddings.safetensors"))],
    [`pictures/${"p".repeat(64)}.png`, Buffer.from("PNG")],
    ["README.txt", Buffer.from("Lessons")],
  ];
  return Uint8Array.from(changedArchive(files, changeOf("lessons.zip")));
}

function changedJson(valid: unknown, change: Change): Uint8Array<ArrayBuffer> {
  const root = { "": structuredClone(valid) };
  const path = change.set ?? change.remove ?? change.fill ?? change.nest;
  if (path) {
    const keys = ["", ...path];
    const last = keys.pop() as string;
    let inner = root as Record<string, unknown>;
    for (const key of keys) inner = inner[key] as Record<string, unknown>;
    if (change.remove) delete inner[last];
    else inner[last] = newValue(change);
  }
  let text = JSON.stringify(root[""]);
  if (change.nest) text = text.replace('"nested"', "[".repeat(change.depth ?? 0) + "]".repeat(change.depth ?? 0));
  if (change.replace) {
    const [old, replacement] = change.replace;
    if (!text.includes(old)) throw new Error(`got a case that replaces ${old}, which its file lacks`);
    text = text.replace(old, () => replacement);
  }
  return new TextEncoder().encode(text);
}

function newValue({ nest, fill, value, times, entry, count = 0 }: Change): unknown {
  if (nest) return "nested";
  if (!fill) return times === undefined ? value : (value as string).repeat(times);
  const item = JSON.stringify(entry ?? value);
  const made = Array.from({ length: count }, (_, i) =>
    JSON.parse(item.replaceAll("##", String((i + 1) % count)).replaceAll("#", String(i))),
  );
  return entry ? Object.fromEntries(made) : made;
}

function changedTensors(valid: Record<string, Tensor>, change: Change): Uint8Array<ArrayBuffer> {
  const tensors = Object.entries({ ...valid, ...change.with }).filter(([key]) => key !== change.without);
  const header: [string, unknown][] = [["__metadata__", { embedding_space: "a".repeat(64) }]];
  const parts: Buffer[] = [];
  let used = 0;
  for (const [key, { shape, values }] of tensors) {
    const data = Float32Array.from(values);
    if (key === change.values) data[change.at ?? 0] = Number(change.value);
    header.push([key, { dtype: "F32", shape, data_offsets: [used, used + data.byteLength] }]);
    used += data.byteLength;
    parts.push(Buffer.from(data.buffer));
  }
  const text = changedJson(Object.fromEntries(header), change);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(change.length ?? text.length));
  return Uint8Array.from(Buffer.concat([length, text, ...parts, Buffer.alloc(change.append ?? 0)]));
}

/** Returns JSON in which the digest, 64 zeros, is that of the rest. */
function sealed(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const digest = createHash("sha256").update(data).digest("hex");
  return new TextEncoder().encode(new TextDecoder().decode(data).replace("0".repeat(64), digest));
}

/** Returns a .zip of files with a change, byte by byte, as libraries would not write it. */
function changedArchive(files: readonly [string, Uint8Array][], change: Change): Buffer {
  const { folder, without, twice, claim, entries = {}, cut = 1 } = change;
  const all = files
    .filter(([name]) => name !== without)
    .map(([name, data]) => [folder ? `${folder}/${name}` : name, data] as const);
  for (const [name, size] of Object.entries(entries)) all.push([name, new Uint8Array(size)]);
  all.push(...all.filter(([name]) => name === twice));
  const [local, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, data] of all) {
    const [packed, key] = [deflateRawSync(data, { level: 9 }), Buffer.from(name)];
    const size = name === claim?.[0] ? claim[1] : data.length;
    const common = littleEndian([2, 20, 0x800, 8, 0, 33], [4, crc32(data), packed.length, size], [2, key.length, 0]);
    directory.push(
      Buffer.from("PK\x01\x02"),
      littleEndian([2, 20]),
      common,
      littleEndian([2, 0, 0, 0], [4, 0, offset]),
      key,
    );
    local.push(Buffer.from("PK\x03\x04"), common, key, packed);
    offset += 4 + common.length + key.length + packed.length;
  }
  const [count, size] = [all.length, Buffer.concat(directory).length];
  const end = [Buffer.from("PK\x05\x06"), littleEndian([2, 0, 0, count, count], [4, size, offset], [2, 0])];
  const made = Buffer.concat([...local, ...directory, ...end]);
  return made.subarray(0, Math.floor(made.length * cut));
}

/** Returns numbers of so many bytes each. */
function littleEndian(...groups: [number, ...number[]][]): Buffer {
  const parts = groups.flatMap(([bytes, ...numbers]) =>
    numbers.map((number) => {
      const part = Buffer.alloc(bytes);
      part.writeUIntLE(number, 0, bytes);
      return part;
    }),
  );
  return Buffer.concat(parts);
}
