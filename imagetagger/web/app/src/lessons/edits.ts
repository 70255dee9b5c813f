/** How a user changed the vocabulary, and which tag a merged one became. */

import { byCodePoint } from "../format/text";
import { LessonError } from "./errors";

/** Changes of the vocabulary; see imagetagger/tagger/lessons.py. */
export interface VocabularyEdits {
  /** By id: names of tags that were added or renamed. */
  names: ReadonlyMap<string, string>;
  /** By id: the tag it was merged into. */
  merged: ReadonlyMap<string, string>;
  /** Ids of removed tags, unless a picture still teaches them. */
  removed: ReadonlySet<string>;
  /** Ids of tags and terms that are not shown; they keep what they were taught. */
  hidden: ReadonlySet<string>;
}

/** Before anything was changed. */
export const NO_EDITS: VocabularyEdits = { names: new Map(), merged: new Map(), removed: new Set(), hidden: new Set() };

/**
 * Returns the tag that a tag was finally merged into; itself if it was not merged.
 *
 * A cycle, which the edits of two users can form, ends at its lowest id. The ends of all merged tags are found at once
 * and remembered, as edits are values: chains may be long.
 */
export function resolveMerged(tag: string, { merged }: VocabularyEdits): string {
  let ends = knownEnds.get(merged);
  if (ends === undefined) {
    ends = finalTags(merged);
    knownEnds.set(merged, ends);
  }
  return ends.get(tag) ?? tag;
}

const knownEnds = new WeakMap<ReadonlyMap<string, string>, ReadonlyMap<string, string>>();

/** Returns where each merged tag ends, in one pass. */
export function finalTags(merged: ReadonlyMap<string, string>): Map<string, string> {
  const ends = new Map<string, string>();
  for (const start of merged.keys()) {
    const path = new Map<string, number>();
    let tag = start;
    for (let next = merged.get(tag); next !== undefined && !path.has(tag) && !ends.has(tag); next = merged.get(tag)) {
      path.set(tag, path.size);
      tag = next;
    }
    const at = path.get(tag);
    const cycle = at === undefined ? [] : [...path.keys()].slice(at);
    const end = cycle.length ? cycle.reduce((a, b) => (byCodePoint(b, a) < 0 ? b : a)) : (ends.get(tag) ?? tag);
    for (const id of path.keys()) ends.set(id, end);
  }
  return ends;
}

/** Tags that a user adds, renames or merges: each costs a row of statistics. */
export const MAX_OWN_TAGS = 10_000;

/** Tags and terms that a user removes or hides. */
export const MAX_LISTED_TAGS = 100_000;

/** Tags that one picture teaches. */
export const MAX_TAGS = 100;

/** Pictures that are taught. */
export const MAX_PICTURES = 80_000;

/** Throws LessonError where more was edited or taught than lessons may hold, so that what is saved can be loaded. */
export function checkLimits(
  { names, merged, removed, hidden }: VocabularyEdits,
  taught: Iterable<{ tags: readonly string[] }>,
): void {
  let [most, pictures] = [0, 0];
  for (const { tags } of taught) {
    most = Math.max(most, tags.length);
    pictures++;
  }
  const counts = [
    ["tags that you added or renamed", names.size, MAX_OWN_TAGS],
    ["merged tags", merged.size, MAX_OWN_TAGS],
    ["removed tags", removed.size, MAX_LISTED_TAGS],
    ["hidden tags", hidden.size, MAX_LISTED_TAGS],
    ["taught pictures", pictures, MAX_PICTURES],
    ["tags of one picture", most, MAX_TAGS],
  ] as const;
  for (const [what, count, limit] of counts)
    if (count > limit) throw new LessonError(`there would be ${count} ${what}, at most ${limit} are possible`);
}
