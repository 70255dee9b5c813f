/**
 * The rows in use: statistics of every tag, those of the bundle merged with those of the user's pictures.
 *
 * They follow from the bundle and the lessons alone; unchanged rows are reused. See imagetagger/tagger/tag_statistics.py.
 */

import type { Bundle } from "../bundle/reader";
import type { Label } from "../format/labels";
import type { Rows } from "../format/rows";
import { type Lessons, resolveMerged } from "../lessons/lessons";

/** The statistics of one tag, C = 1. */
export interface TagRow {
  /** Indices of the bundle's rows in it, several where tags were merged. */
  base: readonly number[];
  /** Content ids of the user's pictures in it, in order. */
  pictures: readonly string[];
  /** Statistics of these pictures. */
  learned: Rows;
  /** Those of the bundle and these together. */
  total: Rows;
  /** Added to its score: that of the bundle's rows together; 0 without any. */
  scoreOffset: number;
}

/** The rows of all tags. */
export interface TagRows {
  /** By id, in the order of the vocabulary. */
  byTag: ReadonlyMap<string, TagRow>;
  /** Their totals in that order, as `score` takes them, then at least one row without pictures. */
  blocks: readonly Rows[];
}

/** The signature `merge` of the model: one row of two, C = 1. */
export type Merge = (a: Rows, b: Rows) => Promise<Rows>;

/** Before the first update. */
export const EMPTY_ROWS: TagRows = { byTag: new Map(), blocks: [] };

/**
 * Returns the rows of a bundle and lessons, reusing unchanged rows of `before`; `before` itself if all are unchanged.
 *
 * `before` belongs to the same bundle and other lessons, `lessons` to the bundle's embedding space; `vocabulary` is the
 * tags in use, `block` the rows of one call of `score`.
 */
export async function updateRows(
  before: TagRows,
  bundle: Bundle,
  lessons: Lessons,
  vocabulary: ReadonlyMap<string, Label>,
  merge: Merge,
  block: number,
): Promise<TagRows> {
  const base = new Map<string, number[]>(Array.from(vocabulary.keys(), (tag) => [tag, []]));
  for (const [i, label] of bundle.labels.entries()) base.get(resolveMerged(label.id, lessons.edits))?.push(i);
  const pictures = new Map<string, string[]>(Array.from(vocabulary.keys(), (tag) => [tag, []]));
  for (const [id, picture] of lessons.pictures)
    for (const tag of new Set(picture.tags.map((id) => resolveMerged(id, lessons.edits)))) pictures.get(tag)?.push(id);
  const byTag = new Map<string, TagRow>();
  for (const tag of vocabulary.keys()) {
    const baseRows = base.get(tag) ?? [];
    const taught = pictures.get(tag) ?? [];
    const old = before.byTag.get(tag);
    const isSame = old && equal(old.base, baseRows) && equal(old.pictures, taught);
    byTag.set(tag, isSame ? old : await rowOf(bundle, lessons, baseRows, taught, old, merge));
  }
  if (before.blocks.length && equal([...before.byTag].flat(), [...byTag].flat())) return before;
  return { byTag, blocks: blocksOf(byTag, before, block, bundle.manifest.model.features) };
}

async function rowOf(
  bundle: Bundle,
  lessons: Lessons,
  base: readonly number[],
  pictures: readonly string[],
  old: TagRow | undefined,
  merge: Merge,
): Promise<TagRow> {
  const { features } = bundle.manifest.model;
  const isOneMore = old && equal(pictures.slice(0, -1), old.pictures); // one picture more: continue from its row
  let learned = isOneMore ? old.learned : emptyRow(features);
  for (const id of isOneMore ? pictures.slice(old.pictures.length) : pictures) {
    const picture = lessons.pictures.get(id);
    if (picture?.embedding.length !== features)
      throw new Error(`picture ${id} has ${picture?.embedding.length} features, expected ${features}: embed it again`);
    learned = await merge(learned, lessonRow(picture.embedding));
  }
  const rows = base.map((i) => rowAt(bundle.rows, i, features));
  if (pictures.length || !rows.length) rows.push(learned);
  let total = rows[0] as Rows;
  for (const row of rows.slice(1)) total = await merge(total, row);
  return { base, pictures, learned, total, scoreOffset: jointOffset(base.map((i) => bundle.scoreOffset[i] as number)) };
}

/** Returns the offset of merged rows: the logarithm of the sum of their exponentials. */
function jointOffset(offsets: readonly number[]): number {
  if (offsets.length === 0) return 0;
  const highest = Math.max(...offsets);
  return highest + Math.log(offsets.reduce((sum, offset) => sum + Math.exp(offset - highest), 0));
}

/** Returns the totals in blocks; a block whose rows are all unchanged is reused. */
function blocksOf(
  byTag: ReadonlyMap<string, TagRow>,
  before: TagRows,
  size: number,
  features: number,
): readonly Rows[] {
  const rows = [...byTag.values()];
  const old = [...before.byTag.values()];
  const result: Rows[] = [];
  for (let start = 0; start < rows.length + 1; start += size) {
    const part = rows.slice(start, start + size);
    const previous = before.blocks[start / size];
    result.push(previous && equal(part, old.slice(start, start + size)) ? previous : packBlock(part, size, features));
  }
  return equal(result, before.blocks) ? before.blocks : result;
}

/** Returns rows as one block, padded with rows without pictures. */
function packBlock(rows: readonly TagRow[], size: number, features: number): Rows {
  const block = { count: new Float32Array(size), ...wide(size * features) };
  for (const [i, { total }] of rows.entries()) {
    block.count.set(total.count, i);
    block.mean.set(total.mean, i * features);
    block.m2.set(total.m2, i * features);
  }
  return block;
}

/** Returns the row of one picture, embedding (D): merge it to learn. */
function lessonRow(embedding: Float32Array): Rows {
  return { count: Float32Array.of(1), mean: Float32Array.from(embedding), m2: new Float32Array(embedding.length) };
}

/** Returns the row without pictures. */
export function emptyRow(features: number): Rows {
  return { count: new Float32Array(1), ...wide(features) };
}

function wide(length: number): Pick<Rows, "mean" | "m2"> {
  return { mean: new Float32Array(length), m2: new Float32Array(length) };
}

function rowAt(rows: Rows, i: number, features: number): Rows {
  const cut = (part: Float32Array<ArrayBuffer>) => part.slice(i * features, (i + 1) * features);
  return { count: rows.count.slice(i, i + 1), mean: cut(rows.mean), m2: cut(rows.m2) };
}

function equal<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
