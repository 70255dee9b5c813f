/**
 * What a user taught: pictures with their tags, and edits of the vocabulary. See imagetagger/tagger/lessons.py.
 *
 * Lessons are a value: every function returns new ones, so undo returns to the value before. The id of a tag never
 * changes: pictures keep the ids they were taught with, so that lessons of two users merge picture by picture.
 */

import type { Label } from "../format/labels";
import { quote } from "../format/text";
import type { VocabularyEdits } from "./edits";
import { NO_EDITS, resolveMerged } from "./edits";
import { LessonError } from "./errors";
import { vocabulary } from "./vocabulary";

export { adoptLessons, separated, twins } from "./adopting";
export { addTag, hideTags, mergeTags, removeTag, renameTag, resetTag, showTags } from "./edit_tags";
export { checkLimits, resolveMerged, type VocabularyEdits } from "./edits";
export { LessonError } from "./errors";
export { taughtNames, vocabulary } from "./vocabulary";

/** A picture that was taught, without its pixels. */
export interface TaughtPicture {
  /** (D). */
  embedding: Float32Array;
  /** Its embedding space. */
  space: string;
  /** Ids, in the order they were taught. */
  tags: readonly string[];
  /** Share of its tags outside the prediction set when it was first taught; null if none was known then. */
  missed: number | null;
}

/** All that a user taught: pictures by picture id, in the order of teaching, and edits of the vocabulary. */
export interface Lessons {
  pictures: ReadonlyMap<string, TaughtPicture>;
  edits: VocabularyEdits;
}

/** Before anything was taught. */
export const NO_LESSONS: Lessons = { pictures: new Map(), edits: NO_EDITS };

/** Adds a picture, or tags to a known one; a tag that it has changes nothing. */
export function learn(lessons: Lessons, id: string, picture: TaughtPicture): Lessons {
  const known = lessons.pictures.get(id);
  const tags = unique([...(known?.tags ?? []), ...picture.tags]);
  if (known && known.tags.length === tags.length) return lessons;
  const taught = { ...picture, tags, missed: known ? known.missed : picture.missed };
  return { ...lessons, pictures: new Map(lessons.pictures).set(id, taught) };
}

/**
 * Removes tags, and those merged into them, from a picture; a picture without tags is forgotten.
 *
 * Throws LessonError where the picture or a tag of it was never taught.
 */
export function forget(lessons: Lessons, labels: readonly Label[], id: string, tags: Iterable<string>): Lessons {
  const picture = lessons.pictures.get(id);
  if (!picture) throw new LessonError("this picture was never taught, so there is nothing to forget");
  const taught = new Set(picture.tags.map((id) => resolveMerged(id, lessons.edits)));
  const forgotten = new Set(tags);
  for (const tag of forgotten)
    if (!taught.has(tag)) {
      const known = vocabulary(labels, lessons);
      const name = (id: string) => quote(known.get(id)?.name ?? id);
      const listed = Array.from(taught, name).join(", ");
      throw new LessonError(`this picture was never taught as ${name(tag)}, but as ${listed}`);
    }
  const left = picture.tags.filter((tag) => !forgotten.has(resolveMerged(tag, lessons.edits)));
  return { ...lessons, pictures: withTags(lessons.pictures, id, { ...picture, tags: left }) };
}

/**
 * Sets a picture's tags to exactly those of `picture`: learns the new ones, forgets the others; without tags it goes.
 *
 * Throws LessonError where a tag is not in the vocabulary.
 */
export function setTags(lessons: Lessons, labels: readonly Label[], id: string, picture: TaughtPicture): Lessons {
  const target = new Set(picture.tags.map((tag) => resolveMerged(tag, lessons.edits)));
  const known = lessons.pictures.get(id);
  const unchanged = known ? known.tags.filter((tag) => target.has(resolveMerged(tag, lessons.edits))) : [];
  const present = new Set(unchanged.map((tag) => resolveMerged(tag, lessons.edits)));
  const added = [...target].filter((tag) => !present.has(tag));
  const tags = [...unchanged, ...added];
  if (tags.length === (known?.tags.length ?? 0) && !added.length) return lessons;
  const names = vocabulary(labels, lessons);
  const unknown = added.find((tag) => !names.has(tag));
  if (unknown !== undefined) throw new LessonError(`there is no tag ${quote(unknown)}: add it first`);
  const missed = known ? known.missed : picture.missed;
  return { ...lessons, pictures: withTags(lessons.pictures, id, { ...picture, tags, missed }) };
}

/**
 * Merges the lessons of two users: every picture once, with the tags of both.
 *
 * No lesson is lost: a tag that one removed and the other taught stays. Where both renamed or merged a tag, the edit of
 * `a` holds.
 */
export function mergeLessons(a: Lessons, b: Lessons): Lessons {
  const pictures = new Map(a.pictures);
  for (const [id, picture] of b.pictures) {
    const known = pictures.get(id) ?? picture;
    const tags = unique([...known.tags, ...picture.tags]);
    pictures.set(id, tags.length === known.tags.length ? known : { ...known, tags });
  }
  const names = new Map([...b.edits.names, ...a.edits.names]);
  const merged = new Map([...b.edits.merged, ...a.edits.merged]);
  const hidden = new Set([...a.edits.hidden, ...b.edits.hidden]);
  const allEdits = { names, merged, removed: new Set<string>(), hidden };
  const taught = new Set<string>();
  for (const picture of pictures.values()) for (const tag of picture.tags) taught.add(resolveMerged(tag, allEdits));
  const removed = new Set([...a.edits.removed, ...b.edits.removed].filter((tag) => !taught.has(tag)));
  const edits = { ...allEdits, removed };
  const isNothingNew = equal(edits, a.edits) && [...pictures].every(([id, picture]) => a.pictures.get(id) === picture);
  return isNothingNew ? a : { pictures, edits };
}

function withTags(
  pictures: ReadonlyMap<string, TaughtPicture>,
  id: string,
  picture: TaughtPicture,
): Map<string, TaughtPicture> {
  const result = new Map(pictures);
  if (picture.tags.length) result.set(id, picture);
  else result.delete(id);
  return result;
}

function unique(tags: readonly string[]): string[] {
  return [...new Set(tags)];
}

function equal(a: VocabularyEdits, b: VocabularyEdits): boolean {
  const alike = (x: ReadonlyMap<string, string>, y: ReadonlyMap<string, string>) =>
    x.size === y.size && [...x].every(([key, value]) => y.get(key) === value);
  const same = (x: ReadonlySet<string>, y: ReadonlySet<string>) =>
    x.size === y.size && [...x].every((tag) => y.has(tag));
  const sets = same(a.removed, b.removed) && same(a.hidden, b.hidden);
  return sets && alike(a.names, b.names) && alike(a.merged, b.merged);
}
