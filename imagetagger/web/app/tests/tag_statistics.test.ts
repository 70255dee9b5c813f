import { expect, test } from "vitest";
import type { Bundle } from "../src/bundle/reader";
import { EMPTY_ROWS, type TagRows, updateRows } from "../src/engine/tag_statistics";
import type { Label } from "../src/format/labels";
import type { Rows } from "../src/format/rows";
import {
  addTag,
  forget,
  type Lessons,
  learn,
  mergeTags,
  NO_LESSONS,
  removeTag,
  renameTag,
  resolveMerged,
  vocabulary,
} from "../src/lessons/lessons";
import { golden } from "./golden";

interface Offsets {
  bundle: number[];
  merged: Record<string, string>;
  added: [id: string, name: string][];
  taught: string[];
  tags: Record<string, number>;
}

const FEATURES = 3;
const BLOCK = 4;
const labels = Array.from({ length: 6 }, (_, i) => ({ id: `t${i}`, name: `tag ${i}`, synonyms: [], broader: [] }));
const numbers = (count: number, seed: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 7 * i));
const bundle = {
  labels,
  rows: { count: Float32Array.of(2, 0, 5, 1, 3, 4), mean: numbers(18, 1), m2: numbers(18, 2).map(Math.abs) },
  scoreOffset: new Float32Array(6),
  manifest: { model: { features: FEATURES } },
} as unknown as Bundle;

let merges = 0;

/** Chan's formula, as in the model; see imagetagger/classifier/statistics.py. */
async function merge(a: Rows, b: Rows): Promise<Rows> {
  merges++;
  const [n, m] = [a.count[0] as number, b.count[0] as number];
  const total = Math.max(n + m, 1);
  const delta = a.mean.map((mean, i) => (b.mean[i] as number) - mean);
  return {
    count: Float32Array.of(n + m),
    mean: a.mean.map((mean, i) => mean + ((delta[i] as number) * m) / total),
    m2: a.m2.map((m2, i) => m2 + (b.m2[i] as number) + ((delta[i] as number) ** 2 * n * m) / total),
  };
}

function rowsOf(lessons: Lessons, before: TagRows = EMPTY_ROWS): Promise<TagRows> {
  return updateRows(before, bundle, lessons, vocabulary(labels, lessons), merge, BLOCK);
}

function teach(lessons: Lessons, id: string, ...tags: string[]): Lessons {
  return learn(lessons, id, {
    embedding: numbers(FEATURES, id.length + id.charCodeAt(1)),
    space: "s",
    tags,
    missed: null,
  });
}

/** Lessons as a user's steps leave them. */
const steps = [
  (before: Lessons) => teach(before, "p1", "t0"),
  (before: Lessons) => teach(before, "p2", "t0", "t1"),
  (before: Lessons) => addTag(before, labels, "Rex")[0],
  (before: Lessons) => teach(before, "p3", "user:rex"),
  (before: Lessons) => teach(before, "p1", "user:rex"),
  (before: Lessons) => mergeTags(before, "t1", "t2"),
  (before: Lessons) => teach(before, "p4", "t2", "t5"),
  (before: Lessons) => mergeTags(before, "user:rex", "t4"),
  (before: Lessons) => forget(before, labels, "p2", ["t0"]),
  (before: Lessons) => removeTag(before, "t0"),
  (before: Lessons) => renameTag(before, labels, "t3", "three"),
];
const history = [NO_LESSONS];
for (const step of steps) history.push(step(history.at(-1) as Lessons));

test("updated rows equal recomputed ones to the last bit, forwards and back", async () => {
  let rows = EMPTY_ROWS;
  for (const lessons of [...history, ...history.toReversed()]) {
    rows = await rowsOf(lessons, rows);
    expect(rows).toEqual(await rowsOf(lessons));
  }
});

test("a row counts its tag's pictures and the bundle's, with their mean", async () => {
  for (const lessons of history) {
    const { byTag } = await rowsOf(lessons);
    expect([...byTag.keys()]).toEqual([...vocabulary(labels, lessons).keys()]);
    for (const [tag, { total }] of byTag) {
      const parts: { count: number; mean: Float32Array }[] = labels.flatMap(({ id }, i) =>
        resolveMerged(id, lessons.edits) === tag
          ? [{ count: bundle.rows.count[i] as number, mean: bundle.rows.mean.subarray(3 * i, 3 * i + 3) }]
          : [],
      );
      for (const { tags, embedding } of lessons.pictures.values())
        if (tags.some((id) => resolveMerged(id, lessons.edits) === tag)) parts.push({ count: 1, mean: embedding });
      const count = parts.reduce((sum, part) => sum + part.count, 0);
      expect(total.count[0]).toBe(count);
      for (let i = 0; count && i < FEATURES; i++) {
        const mean = parts.reduce((sum, part) => sum + part.count * (part.mean[i] as number), 0) / count;
        expect(total.mean[i]).toBeCloseTo(mean, 5);
      }
    }
  }
});

test("blocks are the rows in order, then at least one row without pictures", async () => {
  for (const added of [0, 1, 2, 3]) {
    let lessons = NO_LESSONS;
    for (let i = 0; i < added; i++) [lessons] = addTag(lessons, labels, `new ${i}`);
    const { byTag, blocks } = await rowsOf(lessons);
    const counts = blocks.flatMap(({ count }) => [...count]);
    expect(blocks.length).toBe(Math.ceil((byTag.size + 1) / BLOCK));
    expect(counts.slice(0, byTag.size)).toEqual(Array.from(byTag.values(), ({ total }) => total.count[0]));
    expect(counts.slice(byTag.size).every((count) => count === 0)).toBe(true);
    const means = blocks.flatMap(({ mean }) => [...mean]);
    expect(means.slice(0, 18)).toEqual([...bundle.rows.mean]);
  }
});

test("without lessons nothing is merged, one more picture merges twice per tag, and other blocks are reused", async () => {
  merges = 0;
  await rowsOf(NO_LESSONS);
  expect(merges).toBe(0);
  const before = await rowsOf(teach(teach(NO_LESSONS, "p1", "t0"), "p2", "t0"));
  merges = 0;
  const after = await rowsOf(teach(teach(teach(NO_LESSONS, "p1", "t0"), "p2", "t0"), "p3", "t0"), before);
  expect(merges).toBe(2);
  expect(after.blocks[0]).not.toBe(before.blocks[0]);
  expect(after.blocks[1]).toBe(before.blocks[1]);
});

test("a change that touches no row gives the very same rows", async () => {
  const before = await rowsOf(teach(NO_LESSONS, "p1", "t0"));
  expect(await rowsOf(renameTag(teach(NO_LESSONS, "p1", "t0"), labels, "t0", "zero"), before)).toBe(before);
});

test("an embedding of another size is refused, not misread", async () => {
  const picture = { embedding: new Float32Array(2), space: "s", tags: ["t0"], missed: null };
  await expect(rowsOf(learn(NO_LESSONS, "p", picture))).rejects.toThrow("2 features, expected 3");
});

test("merged tags have the joint offset of their rows, as in Python, and the user's own tags none", async () => {
  const { labels } = golden<{ labels: Label[] }>("lessons");
  const { offsets } = golden<{ offsets: Offsets }>("predict");
  const rows = { count: new Float32Array(6).fill(1), mean: new Float32Array(18), m2: new Float32Array(18) };
  let lessons = NO_LESSONS;
  for (const [, name] of offsets.added) [lessons] = addTag(lessons, labels, name);
  lessons = teach(lessons, "p1", ...offsets.taught);
  for (const [tag, into] of Object.entries(offsets.merged)) lessons = mergeTags(lessons, tag, into);
  const made = { ...bundle, labels, rows, scoreOffset: Float32Array.from(offsets.bundle) };
  const { byTag } = await updateRows(EMPTY_ROWS, made, lessons, vocabulary(labels, lessons), merge, BLOCK);
  expect([...byTag.keys()].sort()).toEqual(Object.keys(offsets.tags).sort());
  for (const [tag, offset] of Object.entries(offsets.tags)) expect(byTag.get(tag)?.scoreOffset).toBeCloseTo(offset, 6);
  expect(byTag.get("n03")?.scoreOffset).toBe(Math.fround(1e-3));
});
