/** Broader terms that a user names: a tag of such a name is that term. */

import type { Term } from "../bundle/reader";
import { casefold, normaliseName } from "./names";

/** Returns the term of this name, else of this synonym, in any case; undefined without one, or where several match. */
export function findTerm(terms: readonly Term[], name: string): Term | undefined {
  const wanted = spelled(name);
  const named = terms.filter((term) => spelled(term.name) === wanted);
  const found = named.length ? named : terms.filter(({ synonyms }) => synonyms.some((s) => spelled(s) === wanted));
  const everyday = found.filter((term) => term.everyday);
  const [only, ...others] = everyday.length ? everyday : found;
  return others.length ? undefined : only;
}

function spelled(name: string): string {
  return casefold(normaliseName(name));
}
