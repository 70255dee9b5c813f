import { expect, test } from "vitest";
import { apply, difference, type Kept, lessonsOf, NOTHING, withLessons, withoutPictures } from "../src/engine/kept";
import { EMPTY, type Lessons, type Picture } from "../src/lessons/lessons";

const picture = (...tags: string[]): Picture => ({
  embedding: new Float32Array([1, 2]),
  space: "s",
  tags,
  missed: null,
});
const embedded = new Map(["a", "b", "c", "d"].map((id) => [id, picture()]));
const taught = (...pictures: [string, ...string[]][]): Lessons => ({
  ...EMPTY,
  pictures: new Map(pictures.map(([id, ...tags]) => [id, picture(...tags)])),
});
const order = (kept: Kept) => [...lessonsOf(kept, embedded).pictures.keys()];

test("undo restores every step, the order of teaching included", () => {
  const states = [NOTHING];
  const add = (make: (before: Kept) => Kept) => states.push(make(states.at(-1) as Kept));
  add((kept) => withLessons(kept, taught(["a", "x"], ["b", "x"], ["c", "y"])));
  add((kept) => ({ ...kept, hidden: new Set(["a", "d"]), dismissed: new Set(["d"]) }));
  add((kept) => withLessons(kept, taught(["b", "x", "y"], ["c", "y"])));
  add((kept) => ({ ...kept, edits: { ...kept.edits, names: new Map([["x", "X"]]) } }));
  add((kept) => withLessons(kept, { ...taught(["b", "x", "y"], ["a", "x"]), edits: kept.edits }));
  for (let i = states.length - 1; i > 0; i--) {
    const [before, after] = [states[i - 1] as Kept, states[i] as Kept];
    const patch = difference(before, after);
    expect(patch).not.toBeNull();
    expect(apply(after, patch as NonNullable<typeof patch>)).toEqual(before);
  }
});

test("a picture keeps its place while it is taught, and comes last when it is taught again", () => {
  const first = withLessons(NOTHING, taught(["a", "x"], ["b", "x"]));
  const more = withLessons(first, taught(["a", "x", "y"], ["b", "x"]));
  expect(order(more)).toEqual(["a", "b"]);
  const again = withLessons(withLessons(more, taught(["b", "x"])), taught(["b", "x"], ["a", "x"]));
  expect(order(again)).toEqual(["b", "a"]);
});

test("a picture that no tag fitted is none of those once it is taught", () => {
  const dismissed = { ...NOTHING, dismissed: new Set(["a", "b"]) };
  expect([...withLessons(dismissed, taught(["a", "x"])).dismissed]).toEqual(["b"]);
});

test("what is said of pictures that are gone leaves a step, and the step goes where nothing else is in it", () => {
  const step = { lessons: [["a", null]], hidden: [["b", true]], dismissed: [["c", true]] } as const;
  expect(withoutPictures(step, new Set(["d"]))).toBe(step);
  expect(withoutPictures(step, new Set(["a", "c"]))).toEqual({ lessons: [], hidden: [["b", true]], dismissed: [] });
  expect(withoutPictures(step, new Set(["a", "b", "c"]))).toBeNull();
});

test("lessons that did not change are no step", () => {
  const kept = withLessons(NOTHING, taught(["a", "x"]));
  expect(difference(kept, withLessons(kept, lessonsOf(kept, embedded)))).toBeNull();
});

test("lessons come back as they were put", () => {
  const lessons = taught(["b", "x"], ["a", "y", "x"]);
  expect([...lessonsOf(withLessons(NOTHING, lessons), embedded).pictures]).toEqual([...lessons.pictures]);
});
