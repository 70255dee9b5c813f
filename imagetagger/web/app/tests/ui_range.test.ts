import { expect, test } from "vitest";
import { rangeInView } from "../src/ui/range";

const layout = { columns: 4, pitch: 100 };

test("the rows in the window are drawn, and three beyond each edge, whatever the count", () => {
  expect(rangeInView(100_000, layout, -1000, 500)).toEqual({ from: (10 - 3) * 4, to: (15 + 3) * 4 });
});

test("every item is drawn at some place of scrolling, and what is in the window always is", () => {
  const count = 1003;
  const seen = new Set<number>();
  for (let scroll = 0; scroll < Math.ceil(count / 4) * 100; scroll += 137) {
    const { from, to } = rangeInView(count, layout, -scroll, 500);
    for (let i = from; i < to; i++) seen.add(i);
    expect(from).toBeLessThanOrEqual(Math.floor(scroll / 100) * 4);
    expect(to).toBeGreaterThanOrEqual(Math.min(count, Math.floor((scroll + 500) / 100) * 4));
    expect(from % 4).toBe(0);
  }
  expect(seen.size).toBe(count);
});

test("a grid far above or below the window draws nothing, the same nothing for every distance", () => {
  expect(rangeInView(10, layout, -90_000, 500)).toEqual({ from: 0, to: 0 });
  expect(rangeInView(12, layout, -600, 500)).toEqual({ from: 0, to: 0 });
  expect(rangeInView(10, layout, 90_000, 500)).toEqual({ from: 0, to: 0 });
  expect(rangeInView(10, layout, 700, 500)).toEqual({ from: 0, to: 4 });
  expect(rangeInView(0, layout, 0, 500)).toEqual({ from: 0, to: 0 });
});
