/** The tags in use, and their names. */

import type { Label, Term } from "../format/labels";
import { nameProblem, normaliseName, sameName } from "../format/names";
import { resolveMerged } from "./edits";
import { LessonError } from "./errors";
import type { Lessons } from "./lessons";

/**
 * Returns the tags in use by id, those of the bundle first, with edits applied; a term that was taught is a tag too.
 *
 * The names of merged tags become synonyms. A tag that only lessons know, as after a change of bundles, is named by its
 * id.
 */
export function vocabulary(
  labels: readonly Label[],
  lessons: Lessons,
  terms: readonly Term[] = [],
): Map<string, Label> {
  const { edits } = lessons;
  const known = new Map(labels.map((label) => [label.id, label]));
  const byTerm = new Map(
    terms.map(({ id, name, synonyms, broader }) => [id, { id, name, synonyms, broader }] as const),
  );
  for (const id of new Set([...edits.names.keys(), ...edits.merged.values(), ...taught(lessons)])) {
    const label = known.get(id) ?? byTerm.get(id) ?? { id, name: id, synonyms: [], broader: [] };
    known.set(id, { ...label, name: edits.names.get(id) ?? label.name });
  }
  const result = new Map<string, Label>();
  for (const [id, label] of known) if (resolveMerged(id, edits) === id && !edits.removed.has(id)) result.set(id, label);
  const words = new Map<string, Set<string>>();
  for (const [id, label] of known) {
    const target = resolveMerged(id, edits);
    const into = result.get(target);
    if (target === id || !into) continue;
    const synonyms = words.get(target) ?? new Set(into.synonyms);
    for (const word of [label.name, ...label.synonyms]) synonyms.add(word);
    words.set(target, synonyms);
  }
  for (const [id, synonyms] of words) result.set(id, { ...(result.get(id) as Label), synonyms: [...synonyms] });
  return result;
}

/** Returns the names of tags that pictures teach or others were merged into: another bundle may lack them. */
export function taughtNames(labels: readonly Pick<Label, "id" | "name">[], lessons: Lessons): Map<string, string> {
  const names = new Map([...labels.map((label) => [label.id, label.name] as const), ...lessons.edits.names]);
  const result = new Map<string, string>();
  for (const tag of [...taught(lessons), ...lessons.edits.merged.values()]) {
    const name = names.get(tag);
    if (name !== undefined) result.set(tag, name);
  }
  return result;
}

/**
 * Returns a name as it is stored, for a new tag or for `tag`.
 *
 * Throws LessonError where it is empty, too long, not text, or the name of another tag.
 */
export function checkName(
  lessons: Lessons,
  labels: readonly Label[],
  name: string,
  tag: string | null = null,
  terms: readonly Term[] = [],
): string {
  const stored = normaliseName(name);
  const problem = nameProblem(stored);
  if (problem) throw new LessonError(problem);
  for (const label of vocabulary(labels, lessons).values()) {
    if (label.id === tag) continue;
    if (sameName(label.name, stored)) throw new LessonError({ kind: "tagExists", name: label.name });
    if (label.id === stored) throw new LessonError({ kind: "nameIsId", name: stored, tag: label.name });
  }
  if (terms.some((term) => term.id !== tag && sameName(term.name, stored)))
    throw new LessonError({ kind: "termExists", name: stored });
  return stored;
}

function* taught(lessons: Lessons): Generator<string> {
  for (const picture of lessons.pictures.values()) yield* picture.tags;
}
