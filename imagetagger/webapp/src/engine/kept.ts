/** What the user did, as a value: lessons, edits of the vocabulary, pictures put away; and steps from one to the next. */

import type { PictureId, TagId } from "../api";
import { type Edits, EMPTY, type Lessons, type Picture } from "../lessons/lessons";

/** A picture as it was taught. Its embedding and its square are kept once, with the picture. */
export interface Lesson {
  tags: readonly TagId[];
  missed: number | null;
  /** Its place in the order of teaching, in which rows are merged; undo restores it. */
  at: number;
}

export interface Kept {
  lessons: ReadonlyMap<PictureId, Lesson>;
  edits: Edits;
  /** Pictures taken out of the app, until it is opened next: undo shows them again. */
  hidden: ReadonlySet<PictureId>;
}

/** A picture that was embedded. */
export type Embedded = Pick<Picture, "embedding" | "space">;

export const NOTHING: Kept = { lessons: new Map(), edits: EMPTY.edits, hidden: new Set() };

/** What was otherwise before a step: `undefined` and absent stand for the same, null for a picture not taught. */
export interface Patch {
  lessons: readonly (readonly [PictureId, Lesson | null])[];
  hidden: readonly (readonly [PictureId, boolean])[];
  edits?: Edits;
}

/** Returns lessons as lessons/ takes them, in the order of teaching; without those whose picture is not there. */
export function lessonsOf(kept: Kept, pictures: ReadonlyMap<PictureId, Embedded>): Lessons {
  const ordered = [...kept.lessons].sort(([, a], [, b]) => a.at - b.at);
  const taught = ordered.flatMap(([id, { tags, missed }]): [PictureId, Picture][] => {
    const picture = pictures.get(id);
    return picture ? [[id, { embedding: picture.embedding, space: picture.space, tags, missed }]] : [];
  });
  return { pictures: new Map(taught), edits: kept.edits };
}

/** Returns what is kept with other lessons; pictures taught before keep their place. */
export function withLessons(kept: Kept, lessons: Lessons): Kept {
  let last = [...kept.lessons.values()].reduce((latest, { at }) => Math.max(latest, at), 0);
  const taught = [...lessons.pictures].map(([id, { tags, missed }]): [PictureId, Lesson] => {
    const known = kept.lessons.get(id);
    const same = known && known.missed === missed && equal(known.tags, tags);
    if (!known) last += 1;
    return [id, same ? known : { tags, missed, at: known ? known.at : last }];
  });
  return { ...kept, lessons: new Map(taught), edits: lessons.edits };
}

/** Returns what has to be put back to come from `after` to `before`; null where they are the same. */
export function difference(before: Kept, after: Kept): Patch | null {
  const ids = new Set([...before.lessons.keys(), ...after.lessons.keys()]);
  const lessons = [...ids]
    .filter((id) => before.lessons.get(id) !== after.lessons.get(id))
    .map((id) => [id, before.lessons.get(id) ?? null] as const);
  const moved = [...new Set([...before.hidden, ...after.hidden])].filter(
    (id) => before.hidden.has(id) !== after.hidden.has(id),
  );
  const hidden = moved.map((id) => [id, before.hidden.has(id)] as const);
  const edits = sameEdits(before.edits, after.edits) ? {} : { edits: before.edits };
  return lessons.length || hidden.length || edits.edits ? { lessons, hidden, ...edits } : null;
}

/** Returns what was kept before a step. */
export function apply(kept: Kept, patch: Patch): Kept {
  const lessons = new Map(kept.lessons);
  for (const [id, lesson] of patch.lessons) {
    if (lesson) lessons.set(id, lesson);
    else lessons.delete(id);
  }
  const hidden = new Set(kept.hidden);
  for (const [id, away] of patch.hidden) {
    if (away) hidden.add(id);
    else hidden.delete(id);
  }
  return { lessons, hidden, edits: patch.edits ?? kept.edits };
}

/** Returns a patch without some pictures: itself where it has none of them, null where nothing is left. */
export function withoutPictures(patch: Patch, gone: ReadonlySet<PictureId>): Patch | null {
  if (![...patch.lessons, ...patch.hidden].some(([id]) => gone.has(id))) return patch;
  const lessons = patch.lessons.filter(([id]) => !gone.has(id));
  const hidden = patch.hidden.filter(([id]) => !gone.has(id));
  return lessons.length || hidden.length || patch.edits ? { ...patch, lessons, hidden } : null;
}

function sameEdits(a: Edits, b: Edits): boolean {
  const flat = ({ names, merged, removed }: Edits) => JSON.stringify([[...names], [...merged], [...removed]]);
  return flat(a) === flat(b);
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
