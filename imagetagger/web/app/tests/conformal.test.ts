import { expect, test } from "vitest";
import { COVERAGE_LEVELS, INFINITE_THRESHOLD } from "../src/format/decision";
import { adaptCoverage, thresholdAt } from "../src/prediction/conformal";
import { golden } from "./golden";

interface Golden {
  thresholds: { aps: number[] };
  levels: [number, number][];
  adapted: { coverage: number; missed: number[]; step_size: number; adapted: number }[];
}

const { thresholds, levels, adapted } = golden<Golden>("predict");

test("a coverage gets the threshold that Python gives it", () => {
  for (const [coverage, threshold] of levels) expect(thresholdAt(thresholds.aps, coverage)).toBe(threshold);
});

test("every level gets its own threshold, and a coverage above all of them an infinite one", () => {
  for (const level of COVERAGE_LEVELS) expect(thresholdAt(COVERAGE_LEVELS, level)).toBe(level);
  expect(thresholdAt(COVERAGE_LEVELS, 0.9951)).toBe(INFINITE_THRESHOLD);
});

test("the target coverage follows the lessons as in Python", () => {
  for (const { coverage, missed, step_size, adapted: expected } of adapted)
    expect(adaptCoverage(coverage, missed, step_size)).toBeCloseTo(expected, 12);
});
