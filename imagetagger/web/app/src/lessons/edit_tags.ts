/** Edits of the vocabulary: add, rename, merge, remove, reset and hide a tag. */

import type { Label, Term } from "../format/labels";
import { casefold, sameName } from "../format/names";
import { resolveMerged } from "./edits";
import { LessonError } from "./errors";
import type { Lessons, TaughtPicture } from "./lessons";
import { checkName, vocabulary } from "./vocabulary";

/**
 * Adds a tag and returns its id; a tag of that name that was removed comes back, and the name of a term is that term.
 *
 * Throws LessonError where the name is empty or taken.
 */
export function addTag(
  lessons: Lessons,
  labels: readonly Label[],
  newName: string,
  terms: readonly Term[] = [],
): [Lessons, string] {
  const { edits } = lessons;
  const inUse = vocabulary(labels, lessons, terms);
  const term = terms.find(({ id, name }) => !inUse.has(id) && sameName(name, newName));
  if (term) {
    const names = new Map(edits.names).set(term.id, term.name);
    return [{ ...lessons, edits: { ...edits, names, removed: without(edits.removed, term.id) } }, term.id];
  }
  const name = checkName(lessons, labels, newName);
  const bundleNames = new Map(labels.map((label) => [label.id, label.name]));
  const used = new Set(Array.from(vocabulary(labels, lessons).values(), (label) => label.name)); // no name is another's id
  const isFree = (id: string) => resolveMerged(id, edits) === id && !used.has(id);
  const spellings = [...edits.names, ...bundleNames]; // a renamed tag comes back by either name
  const removed = spellings.find(([id, other]) => edits.removed.has(id) && isFree(id) && sameName(other, name));
  const taken = [bundleNames.keys(), used, edits.names.keys(), edits.merged.keys(), edits.merged.values()];
  const id = removed?.[0] ?? freeId(name, new Set(taken.flatMap((ids) => [...ids])));
  const names = new Map(edits.names);
  names.delete(id);
  const original = bundleNames.get(id);
  if (original === undefined || !sameName(original, name)) names.set(id, name);
  return [{ ...lessons, edits: { ...edits, names, removed: without(edits.removed, id) } }, id];
}

/**
 * Gives a tag another name; its id stays.
 *
 * Throws LessonError where the name is empty or taken by another tag.
 */
export function renameTag(
  lessons: Lessons,
  labels: readonly Label[],
  tag: string,
  newName: string,
  terms: readonly Term[] = [],
): Lessons {
  const name = checkName(lessons, labels, newName, tag, terms);
  return { ...lessons, edits: { ...lessons.edits, names: new Map(lessons.edits.names).set(tag, name) } };
}

/**
 * Merges a tag into another: the pictures of the first teach the second.
 *
 * Throws LessonError where they are one tag already.
 */
export function mergeTags(lessons: Lessons, tag: string, into: string): Lessons {
  if (tag === into) throw new LessonError({ kind: "sameTag" });
  return { ...lessons, edits: { ...lessons.edits, merged: new Map(lessons.edits.merged).set(tag, into) } };
}

/** Hides tags and terms: they keep what they were taught, but are not suggested while they are hidden. */
export function hideTags(lessons: Lessons, tags: Iterable<string>): Lessons {
  const { edits } = lessons;
  return { ...lessons, edits: { ...edits, hidden: new Set([...edits.hidden, ...tags]) } };
}

/** Shows hidden tags and terms again. */
export function showTags(lessons: Lessons, tags: Iterable<string>): Lessons {
  const hidden = new Set(lessons.edits.hidden);
  for (const tag of tags) hidden.delete(tag);
  return { ...lessons, edits: { ...lessons.edits, hidden } };
}

/** Removes a tag with all that was merged into it, and the pictures that taught nothing else. */
export function removeTag(lessons: Lessons, tag: string): Lessons {
  const { edits } = lessons;
  const pictures = withoutTag(lessons.pictures, (id) => resolveMerged(id, edits) === tag);
  return { pictures, edits: { ...edits, removed: new Set(edits.removed).add(tag) } };
}

/**
 * Resets a tag to the bundle's: forgets what was taught as this tag, its new name, and its merges.
 *
 * Tags that were merged into it come back with their own lessons; but a user's tag of the same name, which is this one
 * since the bundle has it, is forgotten. An added tag keeps its name, which is all it has.
 * Throws LessonError where a name that would come back belongs to another tag by now.
 */
export function resetTag(lessons: Lessons, labels: readonly Label[], tag: string): Lessons {
  const { edits } = lessons;
  const bundleNames = new Map(labels.map((label) => [label.id, label.name]));
  const original = bundleNames.get(tag);
  const isTwin = (id: string) => {
    const name = bundleNames.has(id) ? undefined : edits.names.get(id);
    return edits.merged.get(id) === tag && name !== undefined && original !== undefined && sameName(name, original);
  };
  const isReset = (id: string) => id === tag || isTwin(id);
  const merged = new Map([...edits.merged].filter(([from, into]) => !isReset(from) && !isReset(into)));
  const names = new Map([...edits.names].filter(([id]) => !isTwin(id) && (id !== tag || original === undefined)));
  const pictures = withoutTag(lessons.pictures, isReset);
  if (
    pictures.size === lessons.pictures.size &&
    [...pictures].every(([id, picture]) => lessons.pictures.get(id) === picture)
  )
    if (merged.size === edits.merged.size && names.size === edits.names.size) return lessons;
  const result = { pictures, edits: { ...edits, merged, names } };
  refuseTwins(vocabulary(labels, lessons), vocabulary(labels, result), bundleNames);
  return result;
}

/** Throws LessonError where a tag got back the name of another; equal names in the bundle are allowed. */
function refuseTwins(
  before: ReadonlyMap<string, Label>,
  after: ReadonlyMap<string, Label>,
  bundleNames: ReadonlyMap<string, string>,
): void {
  for (const { id, name } of after.values()) {
    if (before.get(id)?.name === name) continue;
    for (const other of after.values())
      if (
        other.id !== id &&
        sameName(other.name, name) &&
        !(bundleNames.get(other.id) === other.name && bundleNames.get(id) === name)
      )
        throw new LessonError({ kind: "otherTagExists", name: other.name });
  }
}

function withoutTag(
  pictures: ReadonlyMap<string, TaughtPicture>,
  matches: (tag: string) => boolean,
): ReadonlyMap<string, TaughtPicture> {
  const result = new Map<string, TaughtPicture>();
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

/** Returns an id made of the complete name: users who add a tag of the same name mean the same tag. */
function freeId(name: string, taken: ReadonlySet<string>): string {
  const base = `user:${casefold(name)}`;
  let id = base;
  for (let i = 2; taken.has(id); i++) id = `${base}-${i}`;
  return id;
}
