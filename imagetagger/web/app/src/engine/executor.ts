/** A bundle's model.tflite in LiteRT.js: embed, score and merge. Tensors are deleted: WebAssembly has no collector. */

import { type CompiledModel, loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { FileError, messageOf } from "../format/errors";
import type { Manifest } from "../format/manifest";
import { UserError } from "../format/problems";
import { isBounded, type Rows } from "../format/rows";
import { emptyRow } from "./tag_statistics";

/** The functions of one model, ready to run. */
export interface Executor {
  model: CompiledModel;
  manifest: Manifest;
}

/** Blocks of rows inside WebAssembly, for many calls of `scoreRows`. */
export type Blocks = readonly Record<"count" | "mean" | "m2", Tensor>[];

/**
 * Loads LiteRT and a model, and calls its functions once.
 *
 * @param base address of the folder with LiteRT's files, with a slash at its end.
 * @throws FileError where LiteRT refuses the model.
 */
export async function loadExecutor(model: Uint8Array, manifest: Manifest, base: string): Promise<Executor> {
  Object.defineProperty(navigator, "gpu", { value: undefined }); // otherwise LiteRT requests a device that nothing uses
  const silent = { print() {}, printErr() {} };
  Object.assign(self, { Module: { ...silent, locateFile: (file: string) => base + file } });
  try {
    await loadLiteRt(base);
  } catch {
    throw new UserError({ kind: "taggerNotLoaded" });
  }
  try {
    const executor = {
      model: await loadAndCompile(model, { accelerator: "wasm", cpuOptions: { numThreads: 1 } }),
      manifest,
    };
    const { size } = manifest.image;
    await embedImage(executor, new Uint8Array(size * size * 3));
    await mergeRows(executor, emptyRow(manifest.model.features), emptyRow(manifest.model.features));
    return executor;
  } catch (error) {
    throw new FileError(`model.tflite cannot be loaded: ${messageOf(error)}`);
  }
}

/** Returns the embedding (D) of a square (S, S, 3). */
export async function embedImage(
  { model, manifest }: Executor,
  square: Uint8Array<ArrayBuffer>,
): Promise<Float32Array<ArrayBuffer>> {
  const { size } = manifest.image;
  const { embedding } = await run(model, "embed", { image: new Tensor(square, [1, size, size, 3]) });
  if (!isBounded(embedding as Float32Array)) throw new FileError("it gives an embedding that is not finite");
  return embedding as Float32Array<ArrayBuffer>;
}

/** Copies blocks of rows to where `scoreRows` reads them; `freeBlocks` frees them. */
export function copyBlocks({ manifest }: Executor, blocks: readonly Rows[]): Blocks {
  return blocks.map((rows) => tensors(rows, manifest.model.features));
}

/** Frees what `copyBlocks` copied. */
export function freeBlocks(blocks: Blocks): void {
  for (const rows of blocks) for (const tensor of Object.values(rows)) tensor.delete();
}

/** Returns the log joint of an embedding (D) under all rows of the blocks, one after another. */
export async function scoreRows(
  { model, manifest }: Executor,
  embedding: Float32Array,
  blocks: Blocks,
): Promise<Float32Array> {
  const { block, features } = manifest.model;
  const result = new Float32Array(blocks.length * block);
  const input = new Tensor(embedding as Float32Array<ArrayBuffer>, [1, features]);
  try {
    for (const [i, rows] of blocks.entries()) {
      const { log_joint } = await model.run("score", { embedding: input, ...rows });
      if (log_joint === undefined) throw new FileError("model.tflite: score returned no log_joint");
      result.set(log_joint.toTypedArray() as Float32Array, i * block);
      log_joint.delete();
    }
  } finally {
    input.delete();
  }
  return result;
}

/** Returns the row of the pictures of two rows, C = 1. */
export async function mergeRows({ model, manifest }: Executor, row: Rows, other: Rows): Promise<Rows> {
  const a = tensors(row, manifest.model.features);
  const b = tensors(other, manifest.model.features);
  return (await run(model, "merge", {
    ...a,
    other_count: b.count,
    other_mean: b.mean,
    other_m2: b.m2,
  })) as unknown as Rows;
}

function tensors({ count, mean, m2 }: Rows, features: number) {
  const wide = [count.length, features];
  return { count: new Tensor(count, [count.length]), mean: new Tensor(mean, wide), m2: new Tensor(m2, wide) };
}

/** Runs a signature, copies its outputs, and deletes inputs and outputs. */
async function run(model: CompiledModel, signature: string, inputs: Record<string, Tensor>) {
  try {
    const outputs = Object.entries(await model.run(signature, inputs));
    const copies = outputs.map(([name, tensor]) => [name, tensor.toTypedArray().slice()] as const);
    for (const [, tensor] of outputs) tensor.delete();
    return Object.fromEntries(copies);
  } finally {
    for (const tensor of Object.values(inputs)) tensor.delete();
  }
}
