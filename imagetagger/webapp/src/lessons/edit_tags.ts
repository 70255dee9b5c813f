/** Edits of the vocabulary: add, rename, merge, remove, and back to what the bundle has. */

import type { Label } from "../engine/bundle";
import { resolve } from "./edits";
import { LessonError } from "./errors";
import type { Lessons, Picture } from "./lessons";
import { casefold, quote, same } from "./names";
import { checkName, vocabulary } from "./vocabulary";

/**
 * Adds a tag and returns its id; a tag of that name that was removed comes back.
 *
 * Throws LessonError where the name is empty or taken.
 */
export function addTag(lessons: Lessons, labels: readonly Label[], given: string): [Lessons, string] {
  const name = checkName(lessons, labels, given);
  const { edits } = lessons;
  const own = new Map(labels.map((label) => [label.id, label.name]));
  const used = new Set(Array.from(vocabulary(labels, lessons).values(), (label) => label.name)); // no name is another's id
  const hidden = (id: string) => edits.removed.has(id) && resolve(id, edits) === id && !used.has(id);
  const spelled = [...edits.names, ...own]; // a renamed tag comes back by either name
  const back = spelled.find(([id, other]) => hidden(id) && same(other, name));
  const taken = [own.keys(), used, edits.names.keys(), edits.merged.keys(), edits.merged.values()];
  const id = back ? back[0] : freeId(name, new Set(taken.flatMap((ids) => [...ids])));
  const names = new Map(edits.names);
  names.delete(id);
  const original = own.get(id);
  if (original === undefined || !same(original, name)) names.set(id, name);
  return [{ ...lessons, edits: { ...edits, names, removed: without(edits.removed, id) } }, id];
}

/**
 * Gives a tag another name; its id stays.
 *
 * Throws LessonError where the name is empty or taken by another tag.
 */
export function renameTag(lessons: Lessons, labels: readonly Label[], tag: string, given: string): Lessons {
  const name = checkName(lessons, labels, given, tag);
  return { ...lessons, edits: { ...lessons.edits, names: new Map(lessons.edits.names).set(tag, name) } };
}

/**
 * Makes two tags one: what taught the first teaches the second.
 *
 * Throws LessonError where they are one tag already.
 */
export function mergeTags(lessons: Lessons, tag: string, into: string): Lessons {
  if (tag === into) throw new LessonError("a tag cannot be merged into itself: choose another one");
  return { ...lessons, edits: { ...lessons.edits, merged: new Map(lessons.edits.merged).set(tag, into) } };
}

/** Takes a tag, and all that was merged into it, out; pictures that taught nothing else go too. */
export function removeTag(lessons: Lessons, tag: string): Lessons {
  const { edits } = lessons;
  const pictures = withoutTag(lessons.pictures, (own) => resolve(own, edits) === tag);
  return { pictures, edits: { ...edits, removed: new Set(edits.removed).add(tag) } };
}

/**
 * Makes a tag as the bundle has it: forgets what was taught as this tag, its new name, and its merges.
 *
 * Tags that were merged into it come back with what was taught as them before. A tag that was added keeps its name,
 * which is all it has. Throws LessonError where a name that would come back is another tag's by now.
 */
export function resetTag(lessons: Lessons, labels: readonly Label[], tag: string): Lessons {
  const { edits } = lessons;
  const own = new Map(labels.map((label) => [label.id, label.name]));
  const merged = new Map([...edits.merged].filter(([from, into]) => from !== tag && into !== tag));
  const names = new Map([...edits.names].filter(([id]) => id !== tag || !own.has(id)));
  const pictures = withoutTag(lessons.pictures, (id) => id === tag);
  if (pictures.size === lessons.pictures.size && [...pictures].every(([id, one]) => lessons.pictures.get(id) === one))
    if (merged.size === edits.merged.size && names.size === edits.names.size) return lessons;
  const result = { pictures, edits: { ...edits, merged, names } };
  refuseTwins(vocabulary(labels, lessons), vocabulary(labels, result), own);
  return result;
}

/** Throws LessonError where a tag got a name back that another one bears; the bundle's own twins are none of ours. */
function refuseTwins(
  before: ReadonlyMap<string, Label>,
  after: ReadonlyMap<string, Label>,
  own: ReadonlyMap<string, string>,
): void {
  for (const { id, name } of after.values()) {
    if (before.get(id)?.name === name) continue;
    for (const other of after.values())
      if (other.id !== id && same(other.name, name) && !(own.get(other.id) === other.name && own.get(id) === name))
        throw new LessonError(`there is another tag ${quote(other.name)} by now: rename or remove that one first`);
  }
}

function withoutTag(
  pictures: ReadonlyMap<string, Picture>,
  matches: (tag: string) => boolean,
): ReadonlyMap<string, Picture> {
  const result = new Map<string, Picture>();
  for (const [id, picture] of pictures) {
    const tags = picture.tags.filter((tag) => !matches(tag));
    if (tags.length) result.set(id, tags.length === picture.tags.length ? picture : { ...picture, tags });
  }
  return result;
}

function without(tags: ReadonlySet<string>, tag: string): Set<string> {
  const result = new Set(tags);
  result.delete(tag);
  return result;
}

/** Returns an id made of the whole name: two users who add the same tag mean the same, and no others do. */
function freeId(name: string, taken: ReadonlySet<string>): string {
  const base = `user:${casefold(name)}`;
  let id = base;
  for (let i = 2; taken.has(id); i++) id = `${base}-${i}`;
  return id;
}
