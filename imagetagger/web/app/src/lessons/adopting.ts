/** Lessons for another bundle than they were taught with. */

import type { Label, Term } from "../bundle/reader";
import { resolveMerged } from "./edits";
import type { Lessons } from "./lessons";
import { casefold, normaliseName } from "./names";

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
  for (const [id, name] of all) {
    if (known.has(id) || edits.merged.has(id) || edits.removed.has(id)) continue;
    const [match, ...others] = matches(labels, terms, edits.names, folded(name));
    if (match === undefined || others.length > 0 || edits.removed.has(match)) continue;
    if (resolveMerged(match, { ...edits, merged }) !== id) merged.set(id, match);
  }
  return { ...lessons, edits: { ...edits, names: all, merged } };
}

/** Returns the ids that a folded name belongs to: of tags, or else of terms, by name or else as a synonym. */
function matches(
  labels: readonly Label[],
  terms: readonly Term[],
  renamed: ReadonlyMap<string, string>,
  name: string,
): string[] {
  const ownName = (label: Label) => {
    const other = renamed.get(label.id);
    return other === undefined ? wordsOf(label).name : folded(other);
  };
  const found = [
    () => labels.filter((label) => ownName(label) === name),
    () => labels.filter((label) => wordsOf(label).synonyms.includes(name)),
    () => terms.filter((term) => wordsOf(term).name === name),
    () => terms.filter((term) => wordsOf(term).synonyms.includes(name)),
  ];
  for (const find of found) {
    const ids = find().map(({ id }) => id);
    if (ids.length > 0) return ids;
  }
  return [];
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
