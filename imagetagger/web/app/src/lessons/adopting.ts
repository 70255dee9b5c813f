/** Lessons for another bundle than they were taught with. */

import type { Label, Term } from "../format/labels";
import { casefold, normaliseName } from "../format/names";
import { finalTags, type VocabularyEdits } from "./edits";
import type { Lessons } from "./lessons";

/**
 * Returns the lessons for a bundle: tags that it lacks are added by their names, or merged into its own of that name.
 *
 * A user's "goldfish" and a bundle's are one tag, as are a user's tag and a broader term; unless the user removed one
 * of them, merged them already, or the name fits several.
 */
export function adoptLessons(
  lessons: Lessons,
  labels: readonly Label[],
  names: ReadonlyMap<string, string>,
  terms: readonly Term[] = [],
): Lessons {
  const { edits } = lessons;
  const known = new Set([...labels, ...terms].map(({ id }) => id));
  const lacking = [...names].filter(([id]) => !known.has(id) && !edits.names.has(id));
  const all = new Map([...edits.names, ...lacking]);
  const merged = new Map(edits.merged);
  const ends = finalTags(merged);
  const index = indexNames(labels, terms, edits.names);
  for (const [id, name] of all) {
    if (known.has(id) || edits.merged.has(id) || edits.removed.has(id)) continue;
    const key = folded(name);
    const [match, ...others] = index.find((ids) => ids.has(key))?.get(key) ?? [];
    if (match === undefined || others.length > 0 || edits.removed.has(match)) continue;
    const end = follow(match, ends);
    if (end === id) continue;
    merged.set(id, match);
    ends.set(id, end);
  }
  return { ...lessons, edits: { ...edits, names: all, merged } };
}

/** Returns the tags that adopting made one with those of a bundle. */
export function twins(before: VocabularyEdits, adopted: VocabularyEdits): string[] {
  return [...adopted.merged.keys()].filter((id) => !before.merged.has(id));
}

/** Returns adopted edits with these tags apart, also under later bundles: each is merged into itself. */
export function separated(adopted: VocabularyEdits, tags: readonly string[]): VocabularyEdits {
  return { ...adopted, merged: new Map([...adopted.merged, ...tags.map((id) => [id, id] as const)]) };
}

/** Returns where a tag ends; the way is shortened for the next one that goes it. */
function follow(tag: string, ends: Map<string, string>): string {
  const path: string[] = [];
  let end = tag;
  for (let next = ends.get(end); next !== undefined && next !== end; next = ends.get(end)) {
    path.push(end);
    end = next;
  }
  for (const id of path) ends.set(id, end);
  return end;
}

/** Returns ids by folded name: of tags, or else of terms, by name or else as a synonym. */
function indexNames(
  labels: readonly Label[],
  terms: readonly Term[],
  renamed: ReadonlyMap<string, string>,
): Map<string, string[]>[] {
  const index: Map<string, string[]>[] = [];
  for (const words of [labels, terms]) {
    const own = new Map<string, string[]>();
    const other = new Map<string, string[]>();
    for (const word of words) {
      const name = words === labels ? renamed.get(word.id) : undefined;
      const { name: ownName, synonyms } = wordsOf(word);
      add(own, name === undefined ? ownName : folded(name), word.id);
      for (const synonym of new Set(synonyms)) add(other, synonym, word.id);
    }
    index.push(own, other);
  }
  return index;
}

function add(ids: Map<string, string[]>, name: string, id: string): void {
  const known = ids.get(name);
  if (known) known.push(id);
  else ids.set(name, [id]);
}

/** Returns the folded name and synonyms of a tag or term; remembered, as every step that can be undone is adopted. */
function wordsOf(label: Label): { name: string; synonyms: readonly string[] } {
  let words = foldedWords.get(label);
  if (words === undefined) {
    words = { name: folded(label.name), synonyms: label.synonyms.map(folded) };
    foldedWords.set(label, words);
  }
  return words;
}

const foldedWords = new WeakMap<Label, { name: string; synonyms: readonly string[] }>();

function folded(name: string): string {
  return casefold(normaliseName(name));
}
