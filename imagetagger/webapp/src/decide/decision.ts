/** All constants between scores and what is shown, as a manifest has them. See imagetagger/decide.py. */

import { BundleError, type Check, listOf, nullable, number, oneOf, shape } from "../files/json";
import { EVERYTHING, LEVELS } from "./conformal";

/** How badly a tag fits its picture; see tagset.ts. */
export type Rule = "lac" | "aps" | "cumulative" | "top_k";

/** How scores become probabilities; see calibration.ts. */
export interface Calibration {
  /** Divides scores. */
  temperature: number;
  /** Knots, ascending probabilities of the first guess; none for temperature alone. */
  confidence: readonly number[];
  /** The exponent at each knot; constant beyond the outer ones. */
  sharpness: readonly number[];
}

/** Which tags are shown. */
export interface TagSet {
  rule: Rule;
  /** How often a right tag is to be inside; null where the rule promises nothing. */
  coverage: number | null;
  /** Of nonconformity: that of the coverage, or the sum or number of tags that was asked for. */
  threshold: number;
  /** Of each of LEVELS; empty where the rule promises nothing. */
  thresholds: readonly number[];
  /** How fast the coverage asked for follows the user's lessons; see `adapt`. */
  adapt_rate: number;
}

/** All constants; `unknown` is null without a prior on the means, else the fit below which no tag fits. */
export interface Decision {
  calibration: Calibration;
  tag_set: TagSet;
  unknown: { threshold: number; rate: number } | null;
}

const HIGHEST = { lac: EVERYTHING, aps: EVERYTHING, cumulative: 1, top_k: 1e9 } as const;

const types = shape({
  calibration: shape({
    temperature: number(1e-6, 1e15),
    confidence: listOf(number(0, 1)),
    sharpness: listOf(number(1e-3, 1e3)),
  }),
  tag_set: shape({
    rule: oneOf("lac", "aps", "cumulative", "top_k"),
    coverage: nullable(number(0, 1)),
    threshold: number(0, EVERYTHING),
    thresholds: listOf(number(0, EVERYTHING)),
    adapt_rate: number(0, 1),
  }),
  unknown: nullable(shape({ threshold: number(), rate: number(0, 1) })),
});

/** Throws BundleError unless a value of a manifest is a Decision that is possible. */
export const decision: Check = (value, where) => {
  types(value, where);
  const { calibration, tag_set } = value as Decision;
  const { confidence, sharpness } = calibration;
  const { rule, coverage, threshold, thresholds } = tag_set;
  const promised = rule === "lac" || rule === "aps";
  const ascending = confidence.every((c, i) => i === 0 || (confidence[i - 1] as number) < c);
  const sorted = thresholds.every((t, i) => i === 0 || (thresholds[i - 1] as number) <= t);
  const count = promised ? LEVELS.length : 0;
  const fail = (key: string, expected: string): never => {
    throw new BundleError(`${where}.${key}: expected ${expected}`);
  };
  if (!ascending) fail("calibration.confidence", "ascending probabilities");
  if (sharpness.length !== confidence.length) fail("calibration.sharpness", "one for each confidence");
  if (threshold > HIGHEST[rule]) fail("tag_set.threshold", `0 .. ${HIGHEST[rule]}`);
  if (thresholds.length !== count || !sorted)
    fail("tag_set.thresholds", `${count} ascending ones for the rule ${rule}`);
  if ((coverage !== null) !== promised) fail("tag_set.coverage", "0 .. 1 with a conformal rule, else null");
};
