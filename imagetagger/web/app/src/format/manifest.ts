/** The manifest of a bundle: its schema, and the digest that seals it. See imagetagger/bundle/manifest.py. */

import { sha256 } from "hash-wasm";
import * as v from "valibot";
import { decision } from "./decision";
import { FileError } from "./errors";
import { isFileName } from "./file_names";
import {
  anyObject,
  boolean,
  checked,
  integer,
  type Json,
  listOf,
  mapOf,
  nameText,
  number,
  oneOf,
  parseJson,
  sha256Text,
  shape,
  text,
} from "./json";

/** The schema of bundles that this app reads. */
export const MANIFEST_SCHEMA = 3;

/** How pictures become the network's input: the only contract that this app knows. */
const CONTRACT = "square-bilinear-hv/1";

const MAX_MANIFEST_BYTES = 2 ** 21;

/** Tensors by name: signatures do not fix their order. */
const tensors = mapOf(shape({ shape: listOf(integer(-(2 ** 53), 2 ** 53)), dtype: text }));

/** The functions of model.tflite. */
const signatures = mapOf(shape({ inputs: tensors, outputs: tensors }));

type Signatures = v.InferOutput<typeof signatures>;

const fileName = v.pipe(text, v.check(isFileName, "a name such as golden/0.png"));

const manifest = v.pipe(
  shape({
    schema: integer(MANIFEST_SCHEMA, MANIFEST_SCHEMA),
    name: nameText(200),
    digest: sha256Text,
    embedding_space: sha256Text,
    files: mapOf(shape({ sha256: sha256Text, bytes: integer(0, 2 ** 53) }), fileName),
    image: shape({
      contract: v.literal(CONTRACT, `${CONTRACT}, which this app knows: reload the app`),
      size: integer(32, 4096),
      pixel_limit: integer(1, 400_000_000),
    }),
    model: shape({
      variant: oneOf("float32", "float16", "dynamic_range", "int8"),
      features: integer(1, 65_536),
      block: integer(1, 4096),
      quantization: v.nullable(anyObject),
      signatures,
    }),
    classifier: shape({
      transform: oneOf("none", "standardised", "whitened"),
      /** Null is infinite: tied variances. */
      variance_prior_strength: v.nullable(number(0, 1e300)),
      var_smoothing: number(0, 1e300),
      class_prior: oneOf("uniform", "counts"),
      /** Whether a row without pictures scores as the background. */
      mean_prior: boolean,
    }),
    decision,
    onnx: v.nullable(shape({ embedding_space: sha256Text, decision })),
    metrics: mapOf(anyObject),
    provenance: anyObject,
  }),
  v.check(
    ({ image, model }) => spelled(model.signatures) === spelled(expectedSignatures(image.size, model)),
    "the signatures of this schema for this size, features and block",
  ),
  v.check(
    ({ classifier, decision, onnx }) => classifier.mean_prior || !(decision.novelty || onnx?.decision.novelty),
    "classifier.mean_prior with a novelty rule: without it there is no background",
  ),
);

/** The contents of manifest.json, with its keys. */
export type Manifest = v.InferOutput<typeof manifest>;

/** Reads manifest.json: keys, types, ranges and the digest are checked; throws FileError with what is wrong. */
export async function parseManifest(data: Uint8Array<ArrayBuffer>): Promise<Manifest> {
  const file = "manifest.json";
  if (data.length > MAX_MANIFEST_BYTES)
    throw new FileError(`${file} has ${data.length} bytes, expected at most ${MAX_MANIFEST_BYTES}`);
  const value = parseJson(data, file);
  checkSchema(value);
  const parsed = checked(manifest, value, file);
  if ((await sha256(unsealed(data, parsed.digest))) !== parsed.digest)
    throw new FileError(`${file} was changed: its digest does not match its contents`);
  return parsed;
}

function checkSchema(value: unknown): void {
  const schema = (value as Json | null)?.schema;
  if (!Number.isInteger(schema)) return;
  if ((schema as number) > MANIFEST_SCHEMA)
    throw new FileError(
      `this tagger is newer than the app (schema ${schema}, the app reads ${MANIFEST_SCHEMA}): reload the app`,
    );
  if ((schema as number) < MANIFEST_SCHEMA && (schema as number) > 0)
    throw new FileError(
      `this tagger is older than the app (schema ${schema}, the app reads ${MANIFEST_SCHEMA}): export the bundle again`,
    );
}

/** Returns the bytes that were sealed: with 64 zeros in the digest's place. */
function unsealed(data: Uint8Array<ArrayBuffer>, digest: string): Uint8Array<ArrayBuffer> {
  const at = new TextDecoder("latin1").decode(data).indexOf(digest);
  return data.slice().fill("0".charCodeAt(0), at, at + digest.length);
}

/** Returns the functions of every model.tflite of this schema, for pictures of side S, D features and B rows a block. */
function expectedSignatures(size: number, { features, block }: { features: number; block: number }): Signatures {
  const tensor = (dtype: string, ...dimensions: number[]) => ({ shape: dimensions, dtype });
  const rows = (count: number, prefix = "") =>
    new Map([
      [`${prefix}count`, tensor("float32", count)],
      [`${prefix}mean`, tensor("float32", count, features)],
      [`${prefix}m2`, tensor("float32", count, features)],
    ]);
  const embedding = tensor("float32", 1, features);
  const image = tensor("uint8", 1, size, size, 3);
  return new Map([
    ["embed", { inputs: new Map([["image", image]]), outputs: new Map([["embedding", embedding]]) }],
    [
      "score",
      {
        inputs: new Map([["embedding", embedding], ...rows(block)]),
        outputs: new Map([["log_joint", tensor("float32", block)]]),
      },
    ],
    ["merge", { inputs: new Map([...rows(1), ...rows(1, "other_")]), outputs: rows(1) }],
  ]);
}

/** Returns signatures as text, whatever the order of their keys. */
function spelled(signatures: Signatures): string {
  const lines = Array.from(signatures).flatMap(([name, signature]) =>
    (["inputs", "outputs"] as const).flatMap((side) =>
      Array.from(signature[side], ([key, { dtype, shape }]) => JSON.stringify([name, side, key, dtype, shape])),
    ),
  );
  return [[...signatures.keys()].sort(), lines.sort()].join("\n");
}
