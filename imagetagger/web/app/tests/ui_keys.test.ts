import { expect, test } from "vitest";
import { nameOf } from "../src/ui/keys";
import { between } from "../src/ui/selecting";

const press = (key: string, held: Partial<KeyboardEvent> = {}) =>
  nameOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test("a key is known by what it writes, with Ctrl or Command by its letter", () => {
  expect(press("?", { shiftKey: true })).toBe("?");
  expect(press("A", { ctrlKey: true })).toBe("Ctrl+a");
  expect(press("z", { metaKey: true })).toBe("Ctrl+z");
});

test("combinations of the browser and the system are left to them", () => {
  expect(press("z", { ctrlKey: true, shiftKey: true })).toBe("");
  expect(press("1", { altKey: true })).toBe("");
});

test("pictures are selected from one to another, in either direction", () => {
  const ids = ["a", "b", "c", "d"];
  expect(between(ids, "b", "d")).toEqual(["b", "c", "d"]);
  expect(between(ids, "d", "b")).toEqual(["b", "c", "d"]);
  expect(between(ids, null, "c")).toEqual(["c"]);
  expect(between(ids, "gone", "c")).toEqual(["c"]);
});
