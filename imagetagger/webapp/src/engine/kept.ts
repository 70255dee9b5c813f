/** What the user did, as a value: lessons, edits of the vocabulary, pictures put away or without a tag; and steps. */

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
  /** Pictures that no tag fits, by the user's word; none of them is taught. */
  dismissed: ReadonlySet<PictureId>;
}

/** A picture that was embedded. */
export type Embedded = Pick<Picture, "embedding" | "space">;

export const NOTHING: Kept = { lessons: new Map(), edits: EMPTY.edits, hidden: new Set(), dismissed: new Set() };

/** Pictures whose place in a set was otherwise, and whether they were in it. */
type Membership = readonly (readonly [PictureId, boolean])[];

/** What was otherwise before a step: `undefined` and absent stand for the same, null for a picture not taught. */
export interface Patch {
  lessons: readonly (readonly [PictureId, Lesson | null])[];
  hidden: Membership;
  dismissed: Membership;
  edits?: Edits;
}

/** Of a step that changed nothing. */
export const NO_CHANGE: Patch = { lessons: [], hidden: [], dismissed: [] };

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
  const dismissed = new Set([...kept.dismissed].filter((id) => !lessons.pictures.has(id)));
  return { ...kept, lessons: new Map(taught), edits: lessons.edits, dismissed };
}

/** Returns what has to be put back to come from `after` to `before`; null where they are the same. */
export function difference(before: Kept, after: Kept): Patch | null {
  const ids = new Set([...before.lessons.keys(), ...after.lessons.keys()]);
  const lessons = [...ids]
    .filter((id) => before.lessons.get(id) !== after.lessons.get(id))
    .map((id) => [id, before.lessons.get(id) ?? null] as const);
  const hidden = moved(before.hidden, after.hidden);
  const dismissed = moved(before.dismissed, after.dismissed);
  const edits = sameEdits(before.edits, after.edits) ? {} : { edits: before.edits };
  return unlessEmpty({ lessons, hidden, dismissed, ...edits });
}

/** Returns what was kept before a step. */
export function apply(kept: Kept, patch: Patch): Kept {
  const lessons = new Map(kept.lessons);
  for (const [id, lesson] of patch.lessons) {
    if (lesson) lessons.set(id, lesson);
    else lessons.delete(id);
  }
  const hidden = restored(kept.hidden, patch.hidden);
  const dismissed = restored(kept.dismissed, patch.dismissed);
  return { lessons, hidden, dismissed, edits: patch.edits ?? kept.edits };
}

/** Returns a patch without some pictures: itself where it has none of them, null where nothing is left. */
export function withoutPictures(patch: Patch, gone: ReadonlySet<PictureId>): Patch | null {
  const { lessons, hidden, dismissed } = patch;
  if (![...lessons, ...hidden, ...dismissed].some(([id]) => gone.has(id))) return patch;
  const left = <T extends readonly [PictureId, unknown]>(all: readonly T[]) => all.filter(([id]) => !gone.has(id));
  return unlessEmpty({ ...patch, lessons: left(lessons), hidden: left(hidden), dismissed: left(dismissed) });
}

function unlessEmpty(patch: Patch): Patch | null {
  return patch.lessons.length + patch.hidden.length + patch.dismissed.length > 0 || patch.edits ? patch : null;
}

function moved(before: ReadonlySet<PictureId>, after: ReadonlySet<PictureId>): Membership {
  const both = [...new Set([...before, ...after])];
  return both.filter((id) => before.has(id) !== after.has(id)).map((id) => [id, before.has(id)]);
}

function restored(after: ReadonlySet<PictureId>, moved: Membership): ReadonlySet<PictureId> {
  const before = new Set(after);
  for (const [id, was] of moved) {
    if (was) before.add(id);
    else before.delete(id);
  }
  return before;
}

function sameEdits(a: Edits, b: Edits): boolean {
  const flat = ({ names, merged, removed }: Edits) => JSON.stringify([[...names], [...merged], [...removed]]);
  return flat(a) === flat(b);
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
