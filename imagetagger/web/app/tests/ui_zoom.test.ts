import { expect, test } from "vitest";
import { moved, WHOLE, zoomAt } from "../src/ui/zoom";

const box = { x: 400, y: 300 };
const shown = (view: { scale: number; x: number; y: number }, at: { x: number; y: number }) => ({
  x: (at.x - view.x) / view.scale,
  y: (at.y - view.y) / view.scale,
});

test("the point under the finger stays there", () => {
  const at = { x: 130, y: 70 };
  const once = zoomAt(WHOLE, 2, at, box);
  expect(shown(once, at)).toEqual(at);
  const twice = zoomAt(once, 1.5, { x: 200, y: 150 }, box);
  expect(shown(twice, { x: 200, y: 150 })).toEqual(shown(once, { x: 200, y: 150 }));
});

test("it ends at the whole picture and at eight times its size", () => {
  expect(zoomAt(WHOLE, 0.1, { x: 10, y: 10 }, box)).toEqual(WHOLE);
  expect(zoomAt(WHOLE, 100, { x: 10, y: 10 }, box).scale).toBe(8);
});

test("the picture always fills its box", () => {
  const twice = zoomAt(WHOLE, 2, { x: 0, y: 0 }, box);
  expect(moved(twice, { x: 50, y: 50 }, box)).toEqual({ scale: 2, x: 0, y: 0 });
  expect(moved(twice, { x: -1000, y: -1000 }, box)).toEqual({ scale: 2, x: -400, y: -300 });
  expect(zoomAt(moved(twice, { x: -1000, y: -1000 }, box), 0.5, { x: 0, y: 0 }, box)).toEqual(WHOLE);
});
