import { expect, test } from "vitest";
import { pictureName } from "../src/ui/taking_pictures";

test("taken pictures are named by local time, and sorted by it", () => {
  expect(pictureName(2, new Date(2026, 4, 1, 9, 3, 7))).toBe("2026-05-01 09.03.07 (2).jpg");
});
