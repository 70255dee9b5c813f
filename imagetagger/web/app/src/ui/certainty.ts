import type { PictureView, Suggestion, TagId, TermView } from "../api";

/**
 * How certain it is that a picture has a tag: its user confirmed it; it is likely, more probable than all else together;
 * or perhaps, as one of several.
 */
export type Certainty = "confirmed" | "likely" | "perhaps";

/** How well a picture fits a search. */
export interface Match {
  certainty: Certainty;
  probability: number;
}

/** A suggestion above this probability is likely. */
const LIKELY = 0.5;

/** How certain a suggestion is; nothing is likely for a picture that looks like none of the tags. */
export function certaintyOf({ unknown }: PictureView, probability: number): Certainty {
  return probability > LIKELY && !unknown ? "likely" : "perhaps";
}

/** The likely suggestions of a picture but for rejected ones. */
export function likelyTags(picture: PictureView, rejected = picture.rejected): TagId[] {
  const likely = picture.suggested.filter((s) => certaintyOf(picture, s.probability) === "likely");
  return likely.map(({ tag }) => tag).filter((tag) => !rejected.includes(tag));
}

/** The most probable suggestion that was not rejected, of the set where it has one. */
export function bestGuess(picture: PictureView, rejected = picture.rejected): Suggestion | undefined {
  const all = rejected.length > 0 ? [...picture.suggested, ...picture.possible] : picture.suggested;
  return all.find(({ tag }) => !rejected.includes(tag));
}

/**
 * The words under a picture, and how certain they are: its confirmed tags, otherwise the best suggestion.
 *
 * @param rejected tags that it does not have.
 */
export function caption(
  picture: PictureView,
  rejected = picture.rejected,
): { tags: readonly TagId[]; certainty: Certainty } {
  if (picture.confirmed) return { tags: picture.tags, certainty: "confirmed" };
  const best = bestGuess(picture, rejected);
  if (best === undefined) return { tags: [], certainty: "perhaps" };
  return { tags: [best.tag], certainty: certaintyOf(picture, best.probability) };
}

/**
 * How well a picture fits some tags; null where it has none of them.
 *
 * The probability is the sum of those of the tags, which exclude each other; but a term that is itself a tag includes
 * the tags below it.
 */
export function match(
  picture: PictureView,
  tags: ReadonlySet<TagId>,
  terms: ReadonlyMap<TagId, TermView>,
): Match | null {
  if (picture.confirmed)
    return picture.tags.some((tag) => tags.has(tag)) ? { certainty: "confirmed", probability: 1 } : null;
  let [sum, ofTerm] = [0, 0];
  for (const { tag, probability } of [...picture.suggested, ...picture.possible]) {
    if (!tags.has(tag) || picture.rejected.includes(tag)) continue;
    if (terms.has(tag)) ofTerm = Math.max(ofTerm, probability);
    else sum += probability;
  }
  const probability = Math.min(1, Math.max(sum, ofTerm));
  return probability > 0 ? { certainty: certaintyOf(picture, probability), probability } : null;
}

/** Orders matches: confirmed ones, likely ones, others; the more probable first. */
export function byCertainty(a: Match, b: Match): number {
  return RANK[a.certainty] - RANK[b.certainty] || b.probability - a.probability;
}

const RANK: Record<Certainty, number> = { confirmed: 0, likely: 1, perhaps: 2 };
