/** Thresholds with a guaranteed coverage. See imagetagger/prediction/conformal.py. */

import { COVERAGE_LEVELS, INFINITE_THRESHOLD } from "../format/decision";

/** Returns the threshold for a coverage: that of the next higher level, infinite above the highest. */
export function thresholdAt(thresholds: readonly number[], coverage: number): number {
  const index = COVERAGE_LEVELS.findIndex((level) => level >= coverage - 1e-12);
  return index < 0 ? INFINITE_THRESHOLD : (thresholds[index] as number);
}

/**
 * Returns the nominal coverage for the next picture, after lessons that revealed the tags of others: 0 .. 1 + stepSize.
 *
 * alpha <- alpha + stepSize (1 - coverage - missed), clipped to -stepSize .. 1, picture by picture; `missed` is the
 * share of a picture's tags outside its set. At 1 or above, sets hold every tag. Source: Gibbs and Candes 2021,
 * Adaptive conformal inference under distribution shift.
 */
export function adaptCoverage(coverage: number, missed: Iterable<number>, stepSize: number): number {
  let alpha = 1 - coverage;
  for (const share of missed) alpha = Math.min(1, Math.max(-stepSize, alpha + stepSize * (1 - coverage - share)));
  return 1 - alpha;
}
