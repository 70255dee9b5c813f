/** From scores to predictions. See imagetagger/prediction/predict.py and imagetagger/tagger/predict.py. */

import type { Decision, PredictionSetRule } from "../format/decision";
import { logProbabilities } from "./calibration";
import { adaptCoverage, thresholdAt } from "./conformal";
import { predictionSet } from "./prediction_sets";

/** Predictions for one picture under C tags. */
export interface Prediction {
  /** (C), calibrated; 0 for tags without pictures. */
  probabilities: Float64Array;
  /** (C), the prediction set; it holds no tag without pictures. */
  inSet: boolean[];
  /** Background minus best log likelihood, in nats; infinite where no tag has pictures, null without a novelty rule. */
  noveltyScore: number | null;
  isNovel: boolean;
}

/** The part of a manifest that predictions depend on. */
export interface Constants {
  decision: Decision;
  classifier: { class_prior: "uniform" | "counts" };
}

/**
 * Predicts the tags of a picture.
 *
 * `scores` has C rows, then at least one without pictures, which scores as the background; `counts` (C) is the number of
 * pictures of each tag, `offsets` (C) is added to their scores, not to the background. `coverage` is that of the prediction set, null for the bundle's; for rules without a guarantee
 * it is the threshold itself: the sum of probabilities, or the number of tags.
 */
export function predict(
  scores: Float32Array,
  counts: Float32Array,
  offsets: Float32Array,
  { decision, classifier }: Constants,
  coverage: number | null,
): Prediction {
  const background = scores[counts.length];
  if (background === undefined)
    throw new Error(`got ${scores.length} scores for ${counts.length} tags, expected at least one more`);
  const hasPictures = Array.from(counts, (count) => count > 0);
  const joint = scores
    .slice(0, counts.length)
    .map((score, i) => (hasPictures[i] ? score + (offsets[i] as number) : -Infinity));
  const wrong = joint.findIndex((score, i) => hasPictures[i] === true && !Number.isFinite(score));
  if (wrong >= 0 || (decision.novelty && !Number.isFinite(background)))
    throw new Error(`tag ${wrong} has the score ${joint[wrong] ?? background}: this tagger or its lessons are damaged`);
  const hasPrior = classifier.class_prior === "counts";
  const noveltyScore = decision.novelty && background - bestLogLikelihood(joint, counts, hasPrior);
  const isNovel = decision.novelty !== null && (noveltyScore as number) > decision.novelty.threshold;
  if (!hasPictures.includes(true)) {
    const [probabilities, inSet] = [new Float64Array(counts.length), Array<boolean>(counts.length).fill(false)];
    return { probabilities, inSet, noveltyScore, isNovel };
  }
  const probabilities = logProbabilities(joint, decision.calibration).map(Math.exp);
  const rule = decision.prediction_set;
  const inSet = predictionSet(probabilities, rule.rule, thresholdOf(rule, coverage));
  return { probabilities, inSet: inSet.map((isIn, i) => isIn && hasPictures[i] === true), noveltyScore, isNovel };
}

/** Returns the coverage to set now, so that the target is reached in the long run; `missed` per taught picture. */
export function adaptedCoverage(
  missed: Iterable<number>,
  { coverage, aci_step_size }: Pick<PredictionSetRule, "coverage" | "aci_step_size">,
): number | null {
  return coverage && adaptCoverage(coverage, missed, aci_step_size);
}

/** Returns the share of a picture's tags, by row, outside its set (C); null where none has pictures; row -1 is unknown. */
export function missedShare(inSet: readonly boolean[], counts: Float32Array, tags: readonly number[]): number | null {
  const possible = tags.filter((tag) => (counts[tag] ?? 0) > 0);
  return possible.length ? 1 - possible.filter((tag) => inSet[tag]).length / possible.length : null;
}

function thresholdOf(rule: PredictionSetRule, coverage: number | null): number {
  if (coverage === null) return rule.threshold;
  return rule.thresholds.length ? thresholdAt(rule.thresholds, coverage) : coverage;
}

/** Returns the highest log likelihood: the log joint without the class prior, in float32 as in Python. */
function bestLogLikelihood(joint: Float32Array, counts: Float32Array, hasPrior: boolean): number {
  const logPrior = (i: number) => (hasPrior ? Math.fround(Math.log(Math.max(counts[i] as number, 1))) : 0);
  return joint.reduce((best, score, i) => Math.max(best, Math.fround(score - logPrior(i))), -Infinity);
}
