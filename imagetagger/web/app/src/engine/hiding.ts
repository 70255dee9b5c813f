/** What is shown in place of hidden tags. See imagetagger/tagger/description.py. */

import type { TagId } from "../api";
import type { Term } from "../bundle/reader";
import type { Label } from "../lessons/lessons";
import { termsAbove } from "../lessons/terms";

/** A broader term in place of hidden tags. */
export interface Substitute {
  term: Term;
  /** Rows of all tags below it, whose probabilities it sums up. */
  below: readonly number[];
}

/** Returns the tags that are not shown, each with the most specific everyday term above it that is; null without one. */
export function hiddenTags(
  vocabulary: ReadonlyMap<TagId, Label>,
  terms: readonly Term[],
  hidden: ReadonlySet<TagId>,
): ReadonlyMap<TagId, Substitute | null> {
  const result = new Map<TagId, Substitute | null>();
  if (hidden.size === 0) return result;
  const byId = new Map(terms.map((term) => [term.id, term]));
  const above = Array.from(vocabulary.values(), ({ id, broader }) => termsAbove(byId, [id, ...broader]));
  const below = new Map<TagId, number[]>(terms.map(({ id }) => [id, []]));
  for (const [row, ids] of above.entries()) for (const id of ids) below.get(id)?.push(row);
  const isHidden = (ids: Iterable<TagId>) => [...ids].some((id) => hidden.has(id));
  const shown = terms
    .filter(({ id, everyday }) => everyday && !isHidden(termsAbove(byId, [id])))
    .map((term) => ({ term, below: below.get(term.id) ?? [] }))
    .sort((a, b) => a.below.length - b.below.length);
  for (const [row, tag] of [...vocabulary.keys()].entries()) {
    const ids = above[row] as ReadonlySet<TagId>;
    if (hidden.has(tag) || isHidden(ids)) result.set(tag, shown.find(({ term }) => ids.has(term.id)) ?? null);
  }
  return result;
}
