import { expect, test } from "vitest";
import type { Decision } from "../src/format/decision";
import { logProbabilities } from "../src/prediction/calibration";
import { adaptCoverage } from "../src/prediction/conformal";
import { adaptedCoverage, type Constants, missedShare, predict } from "../src/prediction/predict";
import { nonconformity, predictionSet, rankedTags } from "../src/prediction/prediction_sets";
import { golden } from "./golden";

interface Case {
  scores: number[];
  counts: number[];
  offsets: number[];
  decision: Decision;
  class_prior: "uniform" | "counts";
  coverage: number | null;
  probabilities: number[];
  in_set: boolean[];
  /** Null where it is infinite, or without a novelty rule. */
  novelty_score: number | null;
  is_novel: boolean;
  shown: number[];
  missed: number | null;
}

interface Golden {
  thresholds: Record<string, number[]>;
  predictions: Case[];
}

const { thresholds, predictions } = golden<Golden>("predict");

function constants({ decision, class_prior }: Case): Constants {
  const { prediction_set } = decision;
  const rule = { ...prediction_set, thresholds: thresholds[prediction_set.rule] ?? [] };
  return { decision: { ...decision, prediction_set: rule }, classifier: { class_prior } };
}

test.each(predictions.map((expected, i) => [i, expected.decision.prediction_set.rule, expected] as const))(
  "picture %i is predicted by %s as in Python",
  (_, __, expected) => {
    const counts = Float32Array.from(expected.counts);
    const got = predict(
      Float32Array.from(expected.scores),
      counts,
      Float32Array.from(expected.offsets),
      constants(expected),
      expected.coverage,
    );
    expect(got.inSet).toEqual(expected.in_set);
    expect(got.isNovel).toBe(expected.is_novel);
    for (const [i, p] of expected.probabilities.entries())
      expect(Math.abs((got.probabilities[i] as number) - p)).toBeLessThan(1e-12);
    if (expected.novelty_score === null) expect(got.noveltyScore ?? Infinity).toBe(Infinity);
    else expect(got.noveltyScore).toBeCloseTo(expected.novelty_score, 5);
    const missed = missedShare(got.inSet, counts, expected.shown);
    if (expected.missed === null) expect(missed).toBeNull();
    else expect(missed).toBeCloseTo(expected.missed, 12);
  },
);

test("the golden pictures are of every kind", () => {
  expect(new Set(predictions.map(({ is_novel }) => is_novel)).size).toBe(2);
  expect(predictions.some(({ in_set }) => in_set.filter(Boolean).length > 2)).toBe(true);
  expect(predictions.some(({ in_set }) => !in_set.some(Boolean))).toBe(true);
  expect(predictions.some(({ novelty_score, decision }) => novelty_score === null && decision.novelty)).toBe(true);
});

test("scores without a background are refused, not misread", () => {
  const first = predictions[0] as Case;
  const call = () => predict(new Float32Array(3), new Float32Array(3), new Float32Array(3), constants(first), null);
  expect(call).toThrow("got 3 scores for 3 tags");
});

test("probabilities sum to 1 under any calibration, and calibration keeps the order of tags", () => {
  for (const { scores, decision } of predictions) {
    const p = logProbabilities(Float32Array.from(scores), decision.calibration).map(Math.exp);
    expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    for (const [a, b] of rankedTags(p)
      .slice(1)
      .map((tag, i) => [rankedTags(p)[i], tag] as [number, number]))
      expect(scores[a]).toBeGreaterThanOrEqual(scores[b] as number);
  }
});

test("sets grow with the threshold, under every rule, and are never empty", () => {
  const p = Float64Array.of(0.5, 0.2, 0.2, 0.1);
  for (const rule of ["lac", "aps", "cumulative", "top_k"] as const) {
    const sizes = [0, 0.3, 0.5, 0.75, 0.95, 1, 2, 4].map(
      (limit) => predictionSet(p, rule, limit).filter(Boolean).length,
    );
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    expect(sizes[0]).toBe(1);
    expect(nonconformity(p, rule)[0]).toBe(rule === "lac" ? 0.5 : 0);
  }
  expect(predictionSet(p, "top_k", 2)).toEqual([true, true, false, false]);
});

test("rules without a guarantee have no target coverage", () => {
  expect(adaptedCoverage([1, 1], { coverage: null, aci_step_size: 0.1 })).toBeNull();
  expect(adaptedCoverage([1, 1], { coverage: 0.9, aci_step_size: 0.1 })).toBe(adaptCoverage(0.9, [1, 1], 0.1));
});

test.each([Number.NaN, Infinity, -Infinity])("a score of %d is an error, not a prediction", (value) => {
  const usual = constants(predictions.find(({ decision }) => decision.novelty) as Case);
  const call = (...scores: number[]) =>
    predict(Float32Array.from(scores), Float32Array.of(1, 0), new Float32Array(2), usual, null);
  expect(call(1, value, 0).probabilities[1]).toBe(0); // a tag without pictures may have any
  expect(() => call(value, 1, 0)).toThrow("tag 0 has the score");
  expect(() => call(1, 1, value)).toThrow("damaged");
});
