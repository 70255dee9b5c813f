/** What is shown of tags: terms in place of hidden ones, and as taught ones. See imagetagger/tagger/description.py. */

import type { Suggestion, TagId } from "../api";
import type { Label, Term } from "../format/labels";
import { termsAbove } from "../format/terms";
import { rankedTags } from "../prediction/prediction_sets";

/** How tags are shown that are not shown as they are. */
export interface ShownWords {
  /** Tags that are not shown, as the user hid them or a term above them; and the term in place of each, null without one. */
  hidden: ReadonlyMap<TagId, Term | null>;
  /** Of terms that are tags or stand for hidden ones: rows of all tags below, the own one too, which they sum up. */
  below: ReadonlyMap<TagId, readonly number[]>;
}

/** Returns how tags are shown: hidden ones as the most specific everyday term above them that is not hidden. */
export function shownWords(
  vocabulary: ReadonlyMap<TagId, Label>,
  terms: readonly Term[],
  hiddenByUser: ReadonlySet<TagId>,
): ShownWords {
  if (hiddenByUser.size === 0 && !terms.some(({ id }) => vocabulary.has(id)))
    return { hidden: new Map(), below: new Map() };
  const byId = new Map(terms.map((term) => [term.id, term]));
  const above = Array.from(vocabulary.values(), ({ id, broader }) => termsAbove(byId, [id, ...broader]));
  const below = new Map<TagId, number[]>(terms.map(({ id }) => [id, []]));
  for (const [row, ids] of above.entries()) for (const id of ids) below.get(id)?.push(row);
  const breadth = ({ id }: Term) => below.get(id)?.length ?? 0;
  const isHidden = (ids: Iterable<TagId>) => [...ids].some((id) => hiddenByUser.has(id));
  const usable = terms
    .filter(({ id, everyday }) => everyday && !isHidden(termsAbove(byId, [id])))
    .sort((a, b) => breadth(a) - breadth(b));
  const hidden = new Map<TagId, Term | null>();
  for (const [row, tag] of [...vocabulary.keys()].entries()) {
    const ids = above[row] as ReadonlySet<TagId>;
    if (hiddenByUser.has(tag) || isHidden(ids)) hidden.set(tag, usable.find(({ id }) => ids.has(id)) ?? null);
  }
  return { hidden, below };
}

/**
 * Returns the tags to suggest, the most probable first: each word once, a term as probable as all below it.
 *
 * Where hidden tags leave nothing, the most probable visible tag that has pictures is suggested.
 *
 * @param ids of the tags, (C); likewise their probabilities, whether they are in the prediction set, and their pictures.
 */
export function suggestedTags(
  { hidden, below }: ShownWords,
  ids: readonly TagId[],
  probabilities: Float64Array,
  inSet: readonly boolean[],
  counts: Float32Array,
): Suggestion[] {
  const shown = new Map<TagId, number>();
  const probabilityOf = (row: number) => probabilities[row] as number;
  const show = (tag: TagId, row: number) => {
    const sum = below.get(tag)?.reduce((total, other) => total + probabilityOf(other), 0);
    if (!shown.has(tag)) shown.set(tag, sum === undefined ? probabilityOf(row) : Math.min(sum, 1));
  };
  const ranked = rankedTags(probabilities).map((row) => ({ row, tag: ids[row] as TagId }));
  for (const { row, tag } of ranked.filter(({ row }) => inSet[row])) {
    const substitute = hidden.get(tag);
    if (substitute !== null) show(substitute?.id ?? tag, row);
  }
  const next = ranked.find(({ row, tag }) => !hidden.has(tag) && (counts[row] ?? 0) > 0);
  if (shown.size === 0 && next) show(next.tag, next.row);
  return Array.from(shown, ([tag, probability]) => ({ tag, probability })).sort(
    (a, b) => b.probability - a.probability,
  );
}
