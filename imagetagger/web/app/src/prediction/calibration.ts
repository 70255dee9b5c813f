/** From scores to calibrated probabilities. See imagetagger/prediction/calibration.py. */

import type { Calibration } from "../format/decision";

/** Returns log probabilities (C) of scores (C), at least one of them finite. */
function logSoftmax(scores: Float64Array): Float64Array {
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = scores.reduce((total, score) => total + Math.exp(score - highest), 0);
  const shift = Math.log(sum);
  return scores.map((score) => score - highest - shift);
}

/**
 * Returns calibrated log probabilities (C) of one picture.
 *
 * p = softmax(log_joint / T), then p' ~ p^sharpness(highest p), log sharpness interpolated between the calibration's
 * confidences. Source: Guo et al. 2017, On calibration of modern neural networks.
 */
export function logProbabilities(
  logJoint: Float32Array | Float64Array,
  { temperature, confidence, sharpness }: Calibration,
): Float64Array {
  const logP = logSoftmax(Float64Array.from(logJoint, (score) => score / temperature));
  if (!confidence.length) return logP;
  const highest = Math.exp(logP.reduce((a, b) => Math.max(a, b), -Infinity));
  const exponent = Math.exp(interpolate(highest, confidence, sharpness.map(Math.log)));
  return logSoftmax(logP.map((log) => exponent * log));
}

/** Returns the value at x of the line through points of ascending `xs`; constant beyond the outer ones. */
function interpolate(x: number, xs: readonly number[], ys: readonly number[]): number {
  const after = xs.findIndex((point) => point > x);
  if (after === 0) return ys[0] as number;
  if (after < 0) return ys[ys.length - 1] as number;
  const [x0, x1, y0, y1] = [xs[after - 1], xs[after], ys[after - 1], ys[after]] as [number, number, number, number];
  return y0 + ((y1 - y0) / (x1 - x0)) * (x - x0);
}
