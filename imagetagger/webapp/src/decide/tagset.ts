/** From probabilities to tag sets: the tags that fit no worse than a threshold. See imagetagger/tagset.py. */

import type { Rule } from "./decision";

/** Returns tag indices by descending probability; equal ones keep their order. */
export function ranked(probabilities: Float64Array): number[] {
  return Array.from(probabilities.keys()).sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number));
}

/**
 * Returns how badly each tag fits its picture (C).
 *
 * - `lac`: 1 - p, the least ambiguous sets. Source: Sadinle, Lei and Wasserman 2019.
 * - `cumulative` and `aps`: the probability of all tags that are more probable. Source: Romano, Sesia and Candes 2020.
 * - `top_k`: how many tags are more probable.
 */
export function nonconformity(probabilities: Float64Array, rule: Rule): Float64Array {
  if (rule === "lac") return probabilities.map((p) => 1 - p);
  const result = new Float64Array(probabilities.length);
  let before = 0;
  for (const tag of ranked(probabilities)) {
    result[tag] = before;
    before += rule === "top_k" ? 1 : (probabilities[tag] as number);
  }
  return result;
}

/**
 * Returns the tag set (C): nonconformity <= threshold, and always the most probable tag.
 *
 * `cumulative` sets stop at the tag with which their probabilities reach the threshold, `top_k` sets at that many tags:
 * there a tag whose nonconformity is the threshold is outside.
 */
export function members(probabilities: Float64Array, rule: Rule, threshold: number): boolean[] {
  const strict = rule === "cumulative" || rule === "top_k";
  const score = nonconformity(probabilities, rule);
  const inside = Array.from(score, (s) => (strict ? s < threshold : s <= threshold));
  const best = probabilities.reduce((a, p, i) => (p > (probabilities[a] as number) ? i : a), 0);
  if (inside.length) inside[best] = true;
  return inside;
}
