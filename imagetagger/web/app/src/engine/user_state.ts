/** What the user did, as a value: lessons, edits of the vocabulary, removed and dismissed pictures; and steps. */

import type { PictureId, TagId } from "../api";
import { type Lessons, NO_LESSONS, type TaughtPicture, type VocabularyEdits } from "../lessons/lessons";

/** The lesson of a picture. Its embedding and its square are stored with the picture. */
export interface Lesson {
  tags: readonly TagId[];
  missed: number | null;
  /** Its place in the order of teaching, in which rows are merged; undo restores it. */
  at: number;
}

export interface UserState {
  lessons: ReadonlyMap<PictureId, Lesson>;
  edits: VocabularyEdits;
  /** Removed pictures, until the next opening: undo shows them again. */
  hidden: ReadonlySet<PictureId>;
  /** Pictures that no tag fits, as the user said; none of them is taught. */
  dismissed: ReadonlySet<PictureId>;
  /** Tags that pictures do not have, as the user said of suggestions. */
  rejected: ReadonlyMap<PictureId, readonly TagId[]>;
}

/** A picture that was embedded. */
export type Embedded = Pick<TaughtPicture, "embedding" | "space">;

export const INITIAL_STATE: UserState = {
  lessons: new Map(),
  edits: NO_LESSONS.edits,
  hidden: new Set(),
  dismissed: new Set(),
  rejected: new Map(),
};

/** Pictures that entered or left a set, and whether they were in it before. */
type Membership = readonly (readonly [PictureId, boolean])[];

/**
 * How to take a step back: the former lessons and rejected tags (null: none), memberships, and edits where they changed.
 */
export interface Patch {
  lessons: readonly (readonly [PictureId, Lesson | null])[];
  hidden: Membership;
  dismissed: Membership;
  rejected: readonly (readonly [PictureId, readonly TagId[] | null])[];
  edits?: VocabularyEdits;
}

/** A step that changed nothing. */
export const NO_CHANGE: Patch = { lessons: [], hidden: [], dismissed: [], rejected: [] };

/** Returns lessons as lessons/ takes them, in the order of teaching, without those of unknown pictures. */
export function lessonsOf(state: UserState, pictures: ReadonlyMap<PictureId, Embedded>): Lessons {
  const ordered = [...state.lessons].sort(([, a], [, b]) => a.at - b.at);
  const taught = ordered.flatMap(([id, { tags, missed }]): [PictureId, TaughtPicture][] => {
    const picture = pictures.get(id);
    return picture ? [[id, { embedding: picture.embedding, space: picture.space, tags, missed }]] : [];
  });
  return { pictures: new Map(taught), edits: state.edits };
}

/** Returns the state with other lessons; pictures taught before keep their place. */
export function withLessons(state: UserState, lessons: Lessons): UserState {
  let last = [...state.lessons.values()].reduce((latest, { at }) => Math.max(latest, at), 0);
  const taught = [...lessons.pictures].map(([id, { tags, missed }]): [PictureId, Lesson] => {
    const known = state.lessons.get(id);
    const isSame = known && known.missed === missed && equal(known.tags, tags);
    if (!known) last += 1;
    return [id, isSame ? known : { tags, missed, at: known ? known.at : last }];
  });
  const dismissed = new Set([...state.dismissed].filter((id) => !lessons.pictures.has(id)));
  return { ...state, lessons: new Map(taught), edits: lessons.edits, dismissed };
}

/** Returns how to go back from `after` to `before`; null if they are equal. */
export function difference(before: UserState, after: UserState): Patch | null {
  const lessons = changed(before.lessons, after.lessons);
  const rejected = changed(before.rejected, after.rejected);
  const hidden = moved(before.hidden, after.hidden);
  const dismissed = moved(before.dismissed, after.dismissed);
  const edits = sameEdits(before.edits, after.edits) ? {} : { edits: before.edits };
  return unlessEmpty({ lessons, hidden, dismissed, rejected, ...edits });
}

/** Returns the state before a step. */
export function apply(state: UserState, patch: Patch): UserState {
  const lessons = patched(state.lessons, patch.lessons);
  const rejected = patched(state.rejected, patch.rejected);
  const hidden = restored(state.hidden, patch.hidden);
  const dismissed = restored(state.dismissed, patch.dismissed);
  return { lessons, hidden, dismissed, rejected, edits: patch.edits ?? state.edits };
}

/** Returns a patch without some pictures: itself if it has none of them, null if nothing is left. */
export function withoutPictures(patch: Patch, gone: ReadonlySet<PictureId>): Patch | null {
  const { lessons, hidden, dismissed, rejected } = patch;
  if (![...lessons, ...hidden, ...dismissed, ...rejected].some(([id]) => gone.has(id))) return patch;
  const left = <T extends readonly [PictureId, unknown]>(all: readonly T[]) => all.filter(([id]) => !gone.has(id));
  return unlessEmpty({
    ...patch,
    lessons: left(lessons),
    hidden: left(hidden),
    dismissed: left(dismissed),
    rejected: left(rejected),
  });
}

function unlessEmpty(patch: Patch): Patch | null {
  const { lessons, hidden, dismissed, rejected, edits } = patch;
  return lessons.length + hidden.length + dismissed.length + rejected.length > 0 || edits ? patch : null;
}

/** The former values of entries that differ, null for those that are new. */
function changed<T>(before: ReadonlyMap<PictureId, T>, after: ReadonlyMap<PictureId, T>): [PictureId, T | null][] {
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  return ids.filter((id) => before.get(id) !== after.get(id)).map((id) => [id, before.get(id) ?? null]);
}

function patched<T>(
  all: ReadonlyMap<PictureId, T>,
  former: readonly (readonly [PictureId, T | null])[],
): ReadonlyMap<PictureId, T> {
  const result = new Map(all);
  for (const [id, value] of former) {
    if (value === null) result.delete(id);
    else result.set(id, value);
  }
  return result;
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

function sameEdits(a: VocabularyEdits, b: VocabularyEdits): boolean {
  const flat = ({ names, merged, removed, hidden }: VocabularyEdits) =>
    JSON.stringify([names, merged, removed, hidden].map((edits) => [...edits]));
  return flat(a) === flat(b);
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
