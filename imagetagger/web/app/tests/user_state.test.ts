import { expect, test } from "vitest";
import {
  apply,
  difference,
  INITIAL_STATE,
  lessonsOf,
  NO_CHANGE,
  type UserState,
  withLessons,
  withoutPictures,
} from "../src/engine/user_state";
import { type Lessons, NO_LESSONS, type TaughtPicture } from "../src/lessons/lessons";

const picture = (...tags: string[]): TaughtPicture => ({
  embedding: new Float32Array([1, 2]),
  space: "s",
  tags,
  missed: null,
});
const embedded = new Map(["a", "b", "c", "d"].map((id) => [id, picture()]));
const taught = (...pictures: [string, ...string[]][]): Lessons => ({
  ...NO_LESSONS,
  pictures: new Map(pictures.map(([id, ...tags]) => [id, picture(...tags)])),
});
const order = (state: UserState) => [...lessonsOf(state, embedded).pictures.keys()];

test("undo restores every step, the order of teaching included", () => {
  const states = [INITIAL_STATE];
  const add = (make: (before: UserState) => UserState) => states.push(make(states.at(-1) as UserState));
  add((state) => withLessons(state, taught(["a", "x"], ["b", "x"], ["c", "y"])));
  add((state) => ({ ...state, hidden: new Set(["a", "d"]), dismissed: new Set(["d"]) }));
  add((state) => withLessons(state, taught(["b", "x", "y"], ["c", "y"])));
  add((state) => ({ ...state, edits: { ...state.edits, names: new Map([["x", "X"]]) } }));
  add((state) => withLessons(state, { ...taught(["b", "x", "y"], ["a", "x"]), edits: state.edits }));
  for (let i = states.length - 1; i > 0; i--) {
    const [before, after] = [states[i - 1] as UserState, states[i] as UserState];
    const patch = difference(before, after);
    expect(patch).not.toBeNull();
    expect(apply(after, patch as NonNullable<typeof patch>)).toEqual(before);
  }
});

test("a picture keeps its place while it is taught, and comes last when it is taught again", () => {
  const first = withLessons(INITIAL_STATE, taught(["a", "x"], ["b", "x"]));
  const more = withLessons(first, taught(["a", "x", "y"], ["b", "x"]));
  expect(order(more)).toEqual(["a", "b"]);
  const again = withLessons(withLessons(more, taught(["b", "x"])), taught(["b", "x"], ["a", "x"]));
  expect(order(again)).toEqual(["b", "a"]);
});

test("a dismissed picture that is taught is not dismissed any more", () => {
  const dismissed = { ...INITIAL_STATE, dismissed: new Set(["a", "b"]) };
  expect([...withLessons(dismissed, taught(["a", "x"])).dismissed]).toEqual(["b"]);
});

test("deleted pictures leave a step, and a step without others is dropped", () => {
  const step = {
    lessons: [["a", null]],
    hidden: [["b", true]],
    dismissed: [["c", true]],
    rejected: [["a", ["x"]]],
  } as const;
  expect(withoutPictures(step, new Set(["d"]))).toBe(step);
  expect(withoutPictures(step, new Set(["a", "c"]))).toEqual({ ...NO_CHANGE, hidden: [["b", true]] });
  expect(withoutPictures(step, new Set(["a", "b", "c"]))).toBeNull();
});

test("rejected tags come back as they were", () => {
  const before = { ...INITIAL_STATE, rejected: new Map([["a", ["x"]]]) };
  const after = {
    ...INITIAL_STATE,
    rejected: new Map([
      ["a", ["x", "y"]],
      ["b", ["x"]],
    ]),
  };
  const step = difference(before, after);
  expect(step?.rejected).toEqual([
    ["a", ["x"]],
    ["b", null],
  ]);
  expect(step && apply(after, step)).toEqual(before);
});

test("unchanged lessons are not a step", () => {
  const state = withLessons(INITIAL_STATE, taught(["a", "x"]));
  expect(difference(state, withLessons(state, lessonsOf(state, embedded)))).toBeNull();
});

test("lessons come back as they were put", () => {
  const lessons = taught(["b", "x"], ["a", "y", "x"]);
  expect([...lessonsOf(withLessons(INITIAL_STATE, lessons), embedded).pictures]).toEqual([...lessons.pictures]);
});
