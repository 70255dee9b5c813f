/**
 * What a user taught: pictures with their tags, and edits of the vocabulary. See imagetagger/lessons.py.
 *
 * Lessons are a value: every function returns new ones and changes nothing, so an undo is the value before. A tag's id
 * never changes: pictures keep the ids they were taught with, so that lessons of two users unite picture by picture.
 */

import type { Label } from "../engine/bundle";
import type { Edits } from "./edits";
import { resolve } from "./edits";
import { LessonError } from "./errors";
import { quote } from "./names";
import { vocabulary } from "./vocabulary";

export type { Label } from "../engine/bundle";
export { addTag, mergeTags, removeTag, renameTag, resetTag } from "./edit_tags";
export { type Edits, resolve } from "./edits";
export { LessonError } from "./errors";
export { adopt, taughtNames, vocabulary } from "./vocabulary";

/** A picture that was taught; its crop is kept elsewhere. */
export interface Picture {
  /** (D). */
  embedding: Float32Array;
  /** The embedding space it belongs to. */
  space: string;
  /** Ids, in the order they were taught. */
  tags: readonly string[];
  /** Share of its tags that the tag set did not hold when it was first taught; null where it could not. */
  missed: number | null;
}

/** All that a user taught: pictures by content id in the order they were first taught, and edits of the vocabulary. */
export interface Lessons {
  pictures: ReadonlyMap<string, Picture>;
  edits: Edits;
}

/** Nothing was taught. */
export const EMPTY: Lessons = {
  pictures: new Map(),
  edits: { names: new Map(), merged: new Map(), removed: new Set() },
};

/** Adds a picture, or more tags to a picture that is there already; a tag that it has changes nothing. */
export function learn(lessons: Lessons, id: string, picture: Picture): Lessons {
  const known = lessons.pictures.get(id);
  const tags = unique([...(known?.tags ?? []), ...picture.tags]);
  if (known && known.tags.length === tags.length) return lessons;
  const taught = { ...picture, tags, missed: known ? known.missed : picture.missed };
  return { ...lessons, pictures: new Map(lessons.pictures).set(id, taught) };
}

/**
 * Takes tags, or whatever was merged into them, off a picture; without any left the picture itself goes.
 *
 * Throws LessonError where the picture or a tag of it was never taught.
 */
export function forget(lessons: Lessons, labels: readonly Label[], id: string, tags: Iterable<string>): Lessons {
  const picture = lessons.pictures.get(id);
  if (!picture) throw new LessonError("this picture was never taught, so there is nothing to forget");
  const taught = new Set(picture.tags.map((own) => resolve(own, lessons.edits)));
  const gone = new Set(tags);
  for (const tag of gone)
    if (!taught.has(tag)) {
      const known = vocabulary(labels, lessons);
      const name = (own: string) => quote(known.get(own)?.name ?? own);
      const listed = Array.from(taught, name).join(", ");
      throw new LessonError(`this picture was never taught as ${name(tag)}, but as ${listed}`);
    }
  const left = picture.tags.filter((own) => !gone.has(resolve(own, lessons.edits)));
  return { ...lessons, pictures: withTags(lessons.pictures, id, { ...picture, tags: left }) };
}

/**
 * Makes a picture's tags exactly those of `picture`: learns the new ones and forgets the others; without any it goes.
 *
 * Throws LessonError where a tag is not in the vocabulary.
 */
export function setTags(lessons: Lessons, labels: readonly Label[], id: string, picture: Picture): Lessons {
  const wanted = new Set(picture.tags.map((tag) => resolve(tag, lessons.edits)));
  const known = lessons.pictures.get(id);
  const kept = known ? known.tags.filter((own) => wanted.has(resolve(own, lessons.edits))) : [];
  const present = new Set(kept.map((own) => resolve(own, lessons.edits)));
  const added = [...wanted].filter((tag) => !present.has(tag));
  const tags = [...kept, ...added];
  if (tags.length === (known?.tags.length ?? 0) && !added.length) return lessons;
  const names = vocabulary(labels, lessons);
  const strange = added.find((tag) => !names.has(tag));
  if (strange !== undefined) throw new LessonError(`there is no tag ${quote(strange)}: add it first`);
  const missed = known ? known.missed : picture.missed;
  return { ...lessons, pictures: withTags(lessons.pictures, id, { ...picture, tags, missed }) };
}

/**
 * Returns the lessons of two users together: every picture once, with the tags of both.
 *
 * Nothing that anybody taught is lost: a tag that one removed and the other taught stays. Where both renamed or merged
 * a tag, the edit of `a` holds.
 */
export function union(a: Lessons, b: Lessons): Lessons {
  const pictures = new Map(a.pictures);
  for (const [id, picture] of b.pictures) {
    const known = pictures.get(id) ?? picture;
    const tags = unique([...known.tags, ...picture.tags]);
    pictures.set(id, tags.length === known.tags.length ? known : { ...known, tags });
  }
  const names = new Map([...b.edits.names, ...a.edits.names]);
  const merged = new Map([...b.edits.merged, ...a.edits.merged]);
  const together = { names, merged, removed: new Set<string>() };
  const taught = new Set<string>();
  for (const picture of pictures.values()) for (const tag of picture.tags) taught.add(resolve(tag, together));
  const removed = new Set([...a.edits.removed, ...b.edits.removed].filter((tag) => !taught.has(tag)));
  const edits = { names, merged, removed };
  const nothingNew = equal(edits, a.edits) && [...pictures].every(([id, picture]) => a.pictures.get(id) === picture);
  return nothingNew ? a : { pictures, edits };
}

function withTags(pictures: ReadonlyMap<string, Picture>, id: string, picture: Picture): Map<string, Picture> {
  const result = new Map(pictures);
  if (picture.tags.length) result.set(id, picture);
  else result.delete(id);
  return result;
}

function unique(tags: readonly string[]): string[] {
  return [...new Set(tags)];
}

function equal(a: Edits, b: Edits): boolean {
  const alike = (x: ReadonlyMap<string, string>, y: ReadonlyMap<string, string>) =>
    x.size === y.size && [...x].every(([key, value]) => y.get(key) === value);
  const removed = a.removed.size === b.removed.size && [...a.removed].every((tag) => b.removed.has(tag));
  return removed && alike(a.names, b.names) && alike(a.merged, b.merged);
}
