/** From probabilities to prediction sets: the tags of low nonconformity. See imagetagger/prediction/prediction_sets.py. */

import type { Rule } from "../format/decision";

/** Returns tag indices by descending probability; equal ones keep their order. */
export function rankedTags(probabilities: Float64Array): number[] {
  return Array.from(probabilities.keys()).sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number));
}

/**
 * Returns the nonconformity of each tag (C).
 *
 * - `lac`: 1 - p, the least ambiguous sets. Source: Sadinle, Lei and Wasserman 2019.
 * - `cumulative` and `aps`: the probability of all tags that are more probable. Source: Romano, Sesia and Candes 2020.
 * - `top_k`: how many tags are more probable.
 */
export function nonconformity(probabilities: Float64Array, rule: Rule): Float64Array {
  if (rule === "lac") return probabilities.map((p) => 1 - p);
  const result = new Float64Array(probabilities.length);
  let before = 0;
  for (const tag of rankedTags(probabilities)) {
    result[tag] = before;
    before += rule === "top_k" ? 1 : (probabilities[tag] as number);
  }
  return result;
}

/**
 * Returns which tags are in the prediction set (C): nonconformity <= threshold, and always the most probable tag.
 *
 * `cumulative` sets stop at the tag with which their probabilities reach the threshold, `top_k` sets at that many tags:
 * for these rules a tag whose nonconformity equals the threshold is outside.
 */
export function predictionSet(probabilities: Float64Array, rule: Rule, threshold: number): boolean[] {
  const isStrict = rule === "cumulative" || rule === "top_k";
  const scores = nonconformity(probabilities, rule);
  const inSet = Array.from(scores, (score) => (isStrict ? score < threshold : score <= threshold));
  const best = probabilities.reduce((a, p, i) => (p > (probabilities[a] as number) ? i : a), 0);
  if (inSet.length) inSet[best] = true;
  return inSet;
}
