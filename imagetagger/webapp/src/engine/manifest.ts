/** The manifest of a bundle: its schema, strictly read, and the digest that seals it. See imagetagger/bundle/manifest.py. */

import { sha256 } from "hash-wasm";
import { type Decision, decision } from "../decide/decision";
import {
  anyObject,
  BundleError,
  few,
  type Json,
  listOf,
  mapOf,
  nullable,
  number,
  oneOf,
  parseJson,
  sha256Text,
  shape,
  text,
  truth,
  whole,
} from "../files/json";

/** The schema of bundles that this app reads. */
export const SCHEMA = 2;

/** How pictures become the network's input: the only contract that this app knows. */
const CONTRACT = "square-bilinear-hv/1";

/** Bytes that no manifest of ours has. */
const LARGEST = 2 ** 24;

/** A relative path of plain names, as imagetagger/bundle/archive.py has it. */
export const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}$/;

/** What a signature takes or gives. */
export interface Tensor {
  shape: readonly number[];
  dtype: string;
}

/** A function of model.tflite; tensors go by name, not by order. */
export interface Signature {
  inputs: Readonly<Record<string, Tensor>>;
  outputs: Readonly<Record<string, Tensor>>;
}

/** The contents of manifest.json, with its keys. */
export interface Manifest {
  schema: number;
  name: string;
  digest: string;
  embedding_space: string;
  files: Readonly<Record<string, { sha256: string; bytes: number }>>;
  image: { contract: string; size: number; pixel_limit: number };
  model: {
    variant: "float32" | "float16" | "dynamic" | "int8";
    features: number;
    block: number;
    quantization: Json | null;
    signatures: Readonly<Record<string, Signature>>;
  };
  classifier: {
    transform: "none" | "standardised" | "whitened";
    /** Null is infinite: tied variances. */
    kappa: number | null;
    smoothing: number;
    class_prior: "uniform" | "counts";
    /** Whether a row without pictures scores as the background. */
    mean_prior: boolean;
  };
  decision: Decision;
  onnx: { embedding_space: string; decision: Decision } | null;
  metrics: Readonly<Record<string, Json>>;
  provenance: Json;
}

const tensors = mapOf(shape({ shape: listOf(whole(0, 2 ** 31)), dtype: text }));

const manifestShape = shape({
  schema: whole(SCHEMA, SCHEMA),
  name: text,
  digest: sha256Text,
  embedding_space: sha256Text,
  files: mapOf(shape({ sha256: text, bytes: whole(-(2 ** 53), 2 ** 53) })),
  image: shape({ contract: text, size: whole(32, 4096), pixel_limit: whole(1, 178_956_970) }),
  model: shape({
    variant: oneOf("float32", "float16", "dynamic", "int8"),
    features: whole(1, 65_536),
    block: whole(1, 4096),
    quantization: nullable(anyObject),
    signatures: mapOf(shape({ inputs: tensors, outputs: tensors })),
  }),
  classifier: shape({
    transform: oneOf("none", "standardised", "whitened"),
    kappa: nullable(number(0, 1e300)),
    smoothing: number(0, 1e300),
    class_prior: oneOf("uniform", "counts"),
    mean_prior: truth,
  }),
  decision,
  onnx: nullable(shape({ embedding_space: sha256Text, decision })),
  metrics: mapOf(anyObject),
  provenance: anyObject,
});

/** Reads manifest.json: every key, type, range and the digest are checked; throws BundleError, which says what is wrong. */
export async function parseManifest(data: Uint8Array<ArrayBuffer>): Promise<Manifest> {
  const where = "manifest.json";
  if (data.length > LARGEST) throw new BundleError(`${where} has ${data.length} bytes, expected at most ${LARGEST}`);
  const value = parseJson(data, where);
  checkSchema(value);
  manifestShape(value, where);
  const manifest = value as Manifest;
  if ((await sha256(unsealed(data, manifest.digest))) !== manifest.digest)
    throw new BundleError(`${where} was changed: its digest does not match its contents`);
  for (const problem of problemsOf(manifest)) throw new BundleError(`${where}: ${problem}`);
  return manifest;
}

function checkSchema(value: unknown): void {
  const schema = (value as Json | null)?.schema;
  if (!Number.isInteger(schema)) return;
  if ((schema as number) > SCHEMA)
    throw new BundleError(
      `this tagger is newer than the app (schema ${schema}, the app reads ${SCHEMA}): reload the app to update it`,
    );
  if ((schema as number) < SCHEMA && (schema as number) > 0)
    throw new BundleError(`this tagger is of an older imagetagger (schema ${schema}): export the bundle anew`);
}

/** Returns the bytes that were sealed: with 64 zeros in the digest's place. */
function unsealed(data: Uint8Array<ArrayBuffer>, digest: string): Uint8Array<ArrayBuffer> {
  const at = new TextDecoder("latin1").decode(data).indexOf(digest);
  return data.slice().fill("0".charCodeAt(0), at, at + digest.length);
}

function problemsOf(manifest: Manifest): string[] {
  const { image, model, classifier, onnx } = manifest;
  const problems: string[] = [];
  if (image.contract !== CONTRACT)
    problems.push(`image.contract is ${JSON.stringify(image.contract)}, this app knows ${CONTRACT}: reload the app`);
  const expected = signatures(image.size, model.features, model.block);
  if (spelled(model.signatures) !== spelled(expected))
    problems.push("model.signatures are not those of this schema for this size, features and block");
  if (!classifier.mean_prior && (manifest.decision.unknown || onnx?.decision.unknown))
    problems.push("decision.unknown needs classifier.mean_prior: without it there is no background");
  if (!printable(manifest.name, 200)) problems.push("name must have 1 to 200 printable characters");
  const strange = Object.keys(manifest.files).filter((name) => !NAME.test(name));
  if (strange.length) problems.push(`files: got the name ${few(strange)}, expected one such as golden/0.png`);
  return problems;
}

/** Returns the functions of every model.tflite of this schema: of a picture's side S, D features and B rows a block. */
function signatures(size: number, features: number, block: number): Record<string, Signature> {
  const tensor = (dtype: string, ...dimensions: number[]): Tensor => ({ shape: dimensions, dtype });
  const row = (count: number, prefix = "") => ({
    [`${prefix}count`]: tensor("float32", count),
    [`${prefix}mean`]: tensor("float32", count, features),
    [`${prefix}m2`]: tensor("float32", count, features),
  });
  const embedding = tensor("float32", 1, features);
  return {
    embed: { inputs: { image: tensor("uint8", 1, size, size, 3) }, outputs: { embedding } },
    score: { inputs: { embedding, ...row(block) }, outputs: { log_joint: tensor("float32", block) } },
    merge: { inputs: { ...row(1), ...row(1, "other_") }, outputs: row(1) },
  };
}

/** Returns signatures as one text, whatever the order of their keys. */
function spelled(of: Readonly<Record<string, Signature>>): string {
  const lines = Object.entries(of).flatMap(([name, signature]) =>
    (["inputs", "outputs"] as const).flatMap((side) =>
      Object.entries(signature[side]).map(([key, { dtype, shape }]) => JSON.stringify([name, side, key, dtype, shape])),
    ),
  );
  return [Object.keys(of).sort(), lines.sort()].join("\n");
}

/** Returns whether a text has 1 to `longest` characters, none of which is invisible but the space. */
export function printable(value: string, longest: number): boolean {
  const length = Array.from(value).length;
  return length > 0 && length <= longest && !/(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}]/u.test(value);
}
