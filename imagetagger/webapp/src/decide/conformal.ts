/** Thresholds with a guarantee: the right tag is inside as often as wanted. See imagetagger/conformal.py. */

/** Coverages that a bundle keeps thresholds for: any wanted one gets the next higher. */
export const LEVELS: readonly number[] = Array.from({ length: 199 }, (_, i) => (i + 1) / 200);

/** A threshold that no nonconformity exceeds; JSON has no infinity. */
export const EVERYTHING = 1e9;

/** Returns the threshold for a coverage: that of the next higher level, everything beyond the highest. */
export function threshold(thresholds: readonly number[], coverage: number): number {
  const index = LEVELS.findIndex((level) => level >= coverage - 1e-12);
  return index < 0 ? EVERYTHING : (thresholds[index] as number);
}

/**
 * Returns the nominal coverage to ask for, after some pictures of which the tags became known: 0 .. 1 + rate.
 *
 * alpha <- alpha + rate (1 - coverage - missed), kept in -rate .. 1, picture by picture; `missed` is of each picture the
 * share of its tags that its set did not hold. At 1 or above, sets hold everything. Source: Gibbs and Candes 2021,
 * Adaptive conformal inference under distribution shift.
 */
export function adapt(coverage: number, missed: Iterable<number>, rate: number): number {
  let alpha = 1 - coverage;
  for (const share of missed) alpha = Math.min(1, Math.max(-rate, alpha + rate * (1 - coverage - share)));
  return 1 - alpha;
}
