import { expect, test } from "vitest";
import { adapt, EVERYTHING, LEVELS, threshold } from "../src/decide/conformal";
import { golden } from "./golden";

interface Golden {
  thresholds: { aps: number[] };
  levels: [number, number][];
  adapted: { coverage: number; missed: number[]; rate: number; wanted: number }[];
}

const { thresholds, levels, adapted } = golden<Golden>("decide");

test("a coverage gets the threshold that Python gives it", () => {
  for (const [coverage, wanted] of levels) expect(threshold(thresholds.aps, coverage)).toBe(wanted);
});

test("every level gets its own threshold, and what is above all of them everything", () => {
  for (const level of LEVELS) expect(threshold(LEVELS, level)).toBe(level);
  expect(threshold(LEVELS, 0.9951)).toBe(EVERYTHING);
});

test("the coverage asked for follows the lessons as in Python", () => {
  for (const { coverage, missed, rate, wanted } of adapted)
    expect(adapt(coverage, missed, rate)).toBeCloseTo(wanted, 12);
});
