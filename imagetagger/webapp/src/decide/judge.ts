/** What scores say of a picture: probabilities, a tag set, and whether anything fits. See imagetagger/judge.py. */

import type { Manifest } from "../engine/manifest";
import { logProbabilities } from "./calibration";
import { adapt, threshold } from "./conformal";
import type { TagSet } from "./decision";
import { members } from "./tagset";

/** Of one picture under C tags. */
export interface Judgement {
  /** (C), calibrated; 0 for tags that were never taught. */
  probability: Float64Array;
  /** (C), the tag set, which holds no tag that was never taught. */
  member: boolean[];
  /** How well the best tag fits, in nats above the background; null without a background, or without taught tags. */
  fit: number | null;
  /** Whether that is too little. */
  unknown: boolean;
}

/** The constants of a manifest that judging takes. */
export type Constants = Pick<Manifest, "decision" | "classifier">;

/**
 * Judges a picture.
 *
 * `scores` are of C rows, and behind them of at least one without pictures, which scores as the background; `counts` (C)
 * says how many pictures taught each tag. `coverage` is of the tag set: null for the bundle's; for the rules that
 * promise none, the threshold itself: the sum of probabilities, or the number of tags.
 */
export function judge(
  scores: Float32Array,
  counts: Float32Array,
  { decision, classifier }: Constants,
  coverage: number | null,
): Judgement {
  const background = scores[counts.length];
  if (background === undefined)
    throw new Error(`got ${scores.length} scores of ${counts.length} tags, expected one more at least`);
  const joint = scores.slice(0, counts.length).map((score, i) => ((counts[i] as number) > 0 ? score : -Infinity));
  const seen = counts.some((count) => count > 0);
  const limit = decision.unknown;
  const fit = limit && seen ? best(joint, counts, classifier.class_prior === "counts") - background : null;
  const unknown = limit !== null && (fit === null || fit < limit.threshold);
  if (!seen)
    return { probability: new Float64Array(counts.length), member: Array(counts.length).fill(false), fit, unknown };
  const probability = logProbabilities(joint, decision.calibration).map(Math.exp);
  const { rule } = decision.tag_set;
  const inside = members(probability, rule, thresholdOf(decision.tag_set, coverage));
  return { probability, member: inside.map((member, i) => member && (counts[i] as number) > 0), fit, unknown };
}

/** Returns the coverage to ask for so that the promised one is kept, after what the user's lessons missed. */
export function wantedCoverage(missed: Iterable<number>, tagSet: TagSet): number | null {
  return tagSet.coverage && adapt(tagSet.coverage, missed, tagSet.adapt_rate);
}

/** Returns the share of a picture's tags, by row, that its set (C) lacks; null where none was taught yet; -1 is no row. */
export function shareMissed(member: readonly boolean[], counts: Float32Array, tags: readonly number[]): number | null {
  const could = tags.filter((tag) => (counts[tag] ?? 0) > 0);
  return could.length ? 1 - could.filter((tag) => member[tag]).length / could.length : null;
}

function thresholdOf(tagSet: TagSet, coverage: number | null): number {
  if (coverage === null) return tagSet.threshold;
  return tagSet.thresholds.length ? threshold(tagSet.thresholds, coverage) : coverage;
}

/** Returns the highest log likelihood: the log joint without its prior, in float32 as in Python. */
function best(joint: Float32Array, counts: Float32Array, prior: boolean): number {
  if (!prior) return joint.reduce((a, b) => Math.max(a, b), -Infinity);
  return joint.reduce((a, b, i) => {
    return Math.max(a, Math.fround(b - Math.fround(Math.log(Math.max(counts[i] as number, 1)))));
  }, -Infinity);
}
