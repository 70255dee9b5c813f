/** The constants between scores and predictions, as in a manifest. See imagetagger/prediction/decision.py. */

import * as v from "valibot";
import { listOf, number, oneOf, shape } from "./json";

/** Coverages for which a bundle has thresholds; any other takes the next higher one. */
export const COVERAGE_LEVELS: readonly number[] = Array.from({ length: 199 }, (_, i) => (i + 1) / 200);

/** A threshold above every nonconformity; JSON has no infinity. */
export const INFINITE_THRESHOLD = 1e9;

const RULES = ["lac", "aps", "cumulative", "top_k"] as const;

/** How tags are chosen for a prediction set. */
export type Rule = (typeof RULES)[number];

const share = number(0, 1);

/** How scores become probabilities; see calibration.ts. */
const calibration = v.pipe(
  shape({
    /** Divides scores. */
    temperature: number(1e-6, 1e15),
    /** Probabilities of the most probable tag; none for temperature alone. */
    confidence: v.pipe(
      listOf(share),
      v.check((values) => isStrictlyAscending(values), "ascending probabilities"),
    ),
    /** The exponent at each confidence; constant beyond the outer ones. */
    sharpness: listOf(number(1e-3, 1e3)),
  }),
  v.check(({ confidence, sharpness }) => sharpness.length === confidence.length, "one sharpness for each confidence"),
);

/** Which tags are shown; see prediction_sets.ts. */
const predictionSet = v.pipe(
  shape({
    rule: oneOf(...RULES),
    /** How often the set holds a right tag; null for rules without a guarantee. */
    coverage: v.nullable(share),
    /** Of nonconformity: that of the coverage, or the sum or number of tags configured. */
    threshold: number(0, INFINITE_THRESHOLD),
    /** One per level of COVERAGE_LEVELS; empty for rules without a guarantee. */
    thresholds: v.pipe(
      listOf(number(0, INFINITE_THRESHOLD)),
      v.check((values) => isAscending(values), `${COVERAGE_LEVELS.length} ascending thresholds`),
    ),
    /** How fast the target coverage follows the user's lessons; see `adaptCoverage`. */
    aci_step_size: share,
  }),
  v.check(
    ({ rule, thresholds }) => thresholds.length === (isConformal(rule) ? COVERAGE_LEVELS.length : 0),
    `${COVERAGE_LEVELS.length} ascending thresholds for a conformal rule, none for others`,
  ),
  v.check(({ rule, coverage }) => isConformal(rule) === (coverage !== null), "a coverage for conformal rules only"),
  v.check(({ rule, threshold }) => rule !== "cumulative" || threshold <= 1, "a cumulative threshold in 0 .. 1"),
);

/** All constants. `novelty` is null without a prior on the means, else the score above which a picture is novel. */
export const decision = shape({
  calibration,
  prediction_set: predictionSet,
  novelty: v.nullable(shape({ threshold: number(-1e30, 1e30), fpr: share })),
});

export type Decision = v.InferOutput<typeof decision>;
export type Calibration = v.InferOutput<typeof calibration>;
export type PredictionSetRule = v.InferOutput<typeof predictionSet>;

function isConformal(rule: Rule): boolean {
  return rule === "lac" || rule === "aps";
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || (values[i - 1] as number) <= value);
}

function isStrictlyAscending(values: readonly number[]): boolean {
  return isAscending(values) && new Set(values).size === values.length;
}
