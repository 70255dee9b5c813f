import { expect, test } from "vitest";
import { logProbabilities } from "../src/decide/calibration";
import { adapt, LEVELS } from "../src/decide/conformal";
import type { Decision } from "../src/decide/decision";
import { type Constants, judge, shareMissed, wantedCoverage } from "../src/decide/judge";
import { members, nonconformity, ranked } from "../src/decide/tagset";
import { golden } from "./golden";

interface Judged {
  scores: number[];
  counts: number[];
  decision: Decision;
  class_prior: "uniform" | "counts";
  coverage: number | null;
  probability: number[];
  member: boolean[];
  fit: number | null;
  unknown: boolean;
  shown: number[];
  missed: number | null;
}

interface Golden {
  thresholds: Record<string, number[]>;
  judged: Judged[];
}

const { thresholds, judged } = golden<Golden>("decide");

function constants({ decision, class_prior }: Judged): Constants {
  const tag_set = { ...decision.tag_set, thresholds: thresholds[decision.tag_set.rule] ?? [] };
  const classifier = { transform: "none", kappa: null, smoothing: 0, class_prior, mean_prior: true } as const;
  return { decision: { ...decision, tag_set }, classifier };
}

test.each(judged.map((one, i) => [i, one.decision.tag_set.rule, one] as const))(
  "picture %i is judged by %s as Python does",
  (_, __, wanted) => {
    const counts = Float32Array.from(wanted.counts);
    const got = judge(Float32Array.from(wanted.scores), counts, constants(wanted), wanted.coverage);
    expect(got.member).toEqual(wanted.member);
    expect(got.unknown).toBe(wanted.unknown);
    for (const [i, p] of wanted.probability.entries())
      expect(Math.abs((got.probability[i] as number) - p)).toBeLessThan(1e-12);
    if (wanted.fit === null) expect(got.fit).toBeNull();
    else expect(got.fit).toBeCloseTo(wanted.fit, 5);
    const missed = shareMissed(got.member, counts, wanted.shown);
    if (wanted.missed === null) expect(missed).toBeNull();
    else expect(missed).toBeCloseTo(wanted.missed, 12);
  },
);

test("the golden pictures are of every kind", () => {
  expect(new Set(judged.map(({ unknown }) => unknown)).size).toBe(2);
  expect(judged.some(({ member }) => member.filter(Boolean).length > 2)).toBe(true);
  expect(judged.some(({ member }) => !member.some(Boolean))).toBe(true);
  expect(judged.some(({ fit, decision }) => fit === null && decision.unknown)).toBe(true);
});

test("scores without a background are refused, not misread", () => {
  const one = judged[0] as Judged;
  const call = () => judge(new Float32Array(3), new Float32Array(3), constants(one), null);
  expect(call).toThrow("got 3 scores of 3 tags");
});

test("probabilities sum to 1 under any calibration, and no tag changes its place", () => {
  for (const { scores, decision } of judged) {
    const p = logProbabilities(Float32Array.from(scores), decision.calibration).map(Math.exp);
    expect(p.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    for (const [a, b] of ranked(p)
      .slice(1)
      .map((tag, i) => [ranked(p)[i], tag] as [number, number]))
      expect(scores[a]).toBeGreaterThanOrEqual(scores[b] as number);
  }
});

test("sets grow with the threshold, under every rule, and are never empty", () => {
  const p = Float64Array.of(0.5, 0.2, 0.2, 0.1);
  for (const rule of ["lac", "aps", "cumulative", "top_k"] as const) {
    const sizes = [0, 0.3, 0.5, 0.75, 0.95, 1, 2, 4].map((limit) => members(p, rule, limit).filter(Boolean).length);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    expect(sizes[0]).toBe(1);
    expect(nonconformity(p, rule)[0]).toBe(rule === "lac" ? 0.5 : 0);
  }
  expect(members(p, "top_k", 2)).toEqual([true, true, false, false]);
});

test("without a promise there is no coverage to ask for", () => {
  const tagSet = { rule: "cumulative", coverage: null, threshold: 0.9, thresholds: [], adapt_rate: 0.1 } as const;
  expect(wantedCoverage([1, 1], tagSet)).toBeNull();
  expect(wantedCoverage([1, 1], { ...tagSet, rule: "lac", coverage: 0.9, thresholds: LEVELS })).toBe(
    adapt(0.9, [1, 1], 0.1),
  );
});
