/** Statistics of tags, and bounds of all numbers in files: see imagetagger/bundle/magnitudes.py. */

/** Sufficient statistics, one row per tag: count (C), mean (C, D) and m2 (C, D); see classifier/statistics.py. */
export interface Rows {
  count: Float32Array<ArrayBuffer>;
  mean: Float32Array<ArrayBuffer>;
  m2: Float32Array<ArrayBuffer>;
}

/** Largest absolute value in an embedding, a mean or a score offset. */
export const MAX_MAGNITUDE = 1e6;

const MAX_COUNT = 2 ** 24;
const MIN_COUNT = 2 ** -24;
/** The smallest float32 with all digits. */
const MIN_SQUARES = 2 ** -126;

/** Returns whether all values are numbers that an embedding may have. */
export function isBounded(values: Float32Array): boolean {
  return values.every((value) => Math.abs(value) <= MAX_MAGNITUDE); // false for NaN
}

/** Returns what is wrong with the statistics of tags (C); null if all are bounded. */
export function statisticsProblem({ count, mean, m2 }: Rows, offset: Float32Array, names: string[]): string | null {
  const features = mean.length / count.length;
  const largest = (2 * MAX_MAGNITUDE) ** 2;
  const countOf = (i: number) => count[Math.floor(i / features)] as number;
  const isCount = (value: number) => value === 0 || (value >= MIN_COUNT && value < MAX_COUNT);
  const isMagnitude = (value: number) => Math.abs(value) <= MAX_MAGNITUDE;
  const areSquares = (value: number, i: number) =>
    value === 0 || (value >= MIN_SQUARES && value <= largest * countOf(i));
  const checks = [
    ["count", count, isCount, 1, `0, or ${MIN_COUNT} to ${MAX_COUNT} - 1`],
    ["mean", mean, isMagnitude, features, `${-MAX_MAGNITUDE} to ${MAX_MAGNITUDE}`],
    ["score_offset", offset, isMagnitude, 1, `${-MAX_MAGNITUDE} to ${MAX_MAGNITUDE}`],
    ["m2", m2, areSquares, features, `0, or ${MIN_SQUARES} to ${largest} times the count`],
  ] as const;
  for (const [key, values, isRight, width, expected] of checks) {
    const at = values.findIndex((value, i) => !isRight(value, i));
    if (at >= 0) return `${key} of the tag ${names[Math.floor(at / width)]} is ${values[at]}, expected ${expected}`;
  }
  return null;
}
