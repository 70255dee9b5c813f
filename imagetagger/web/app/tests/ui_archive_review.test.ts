import { expect, test } from "vitest";
import {
  type Answered,
  afterAnswers,
  answerOf,
  answersOf,
  begin,
  firstDraft,
  groupsOf,
  type Question,
  type Review,
  tagViews,
  withTicks,
} from "../src/ui/archive_review";
import { NO_TAGS } from "../src/ui/draft";

const TAGS = [["animal", "bird"], ["animal", "fish"], ["lake"]];

function question(picture: string, asked: number | null, suggested: [number, number][] = []): Question {
  return { picture, name: `${picture}.jpg`, folder: "", asked, suggested };
}

function reviewOf(...pictures: Question[]): Review {
  return begin({ tags: TAGS, pictures, more: 0 });
}

const stored = (...pictures: Question[]): Answered => ({ pictures, problems: [] });
const groups = (review: Review) => groupsOf(review).map(({ tag, ids }) => [tag, ...ids]);
const THREE = reviewOf(question("a", 1), question("b", 1), question("c", 0));

test("groups come in the order of the questions, and those without a plausible tag last", () => {
  const review = reviewOf(question("a", 1), question("x", null), question("b", 1), question("c", 0));
  expect(groups(review)).toEqual([
    [1, "a", "b"],
    [0, "c"],
    [null, "x"],
  ]);
});

test("one press confirms the ticked pictures of a group, and rejects the tag of the others", () => {
  const review = withTicks(THREE, ["b"], false);
  const [group] = groupsOf(review);
  expect(group && answersOf(review, group)).toEqual([
    { picture: "a", confirmed: [["animal", "fish"]], rejected: [] },
    { picture: "b", confirmed: [], rejected: [["animal", "fish"]] },
  ]);
  expect(answersOf(review, { tag: null, ids: ["a"] })).toEqual([]);
});

test("ticks can be set again", () => {
  const none = withTicks(THREE, ["a", "b"], false);
  expect([...none.unticked]).toEqual(["a", "b"]);
  expect([...withTicks(none, ["a"], true).unticked]).toEqual(["b"]);
});

test("a picture is done with where a tag was confirmed and nothing else is plausible", () => {
  const answers = [
    { picture: "a", confirmed: [["lake"]], rejected: [] },
    { picture: "b", confirmed: [], rejected: [["animal", "fish"]] },
  ];
  const after = afterAnswers(withTicks(THREE, ["b"], false), answers, stored(question("a", null), question("b", null)));
  expect(groups(after)).toEqual([
    [0, "c"],
    [null, "b"],
  ]);
  expect([...after.unticked]).toEqual([]);
});

test("a picture with another plausible tag is asked about again, in a group that comes last if it is new", () => {
  const after = afterAnswers(THREE, [{ picture: "a", confirmed: [["x"]], rejected: [] }], stored(question("a", 2)));
  expect(groups(after)).toEqual([
    [1, "b"],
    [0, "c"],
    [2, "a"],
  ]);
});

test("an answer that could not be stored leaves its picture as it is", () => {
  const answers = ["a", "b"].map((picture) => ({ picture, confirmed: [["lake"]], rejected: [] }));
  const after = afterAnswers(THREE, answers, {
    pictures: [question("b", null)],
    problems: [{ picture: "a", text: "read-only" }],
  });
  expect(groups(after)).toEqual([
    [1, "a"],
    [0, "c"],
  ]);
});

test("the answer of a picture's own screen ends its review whatever else is plausible", () => {
  const answer = { picture: "a", confirmed: [["lake"]], rejected: [] };
  const after = afterAnswers(THREE, [answer], stored(question("a", 0)), new Set(["a"]));
  expect(after.pictures.has("a")).toBe(false);
});

test("chosen tags and new names are confirmed, and only those that were removed are rejected", () => {
  const asked = question("a", 1, [
    [1, 0.7],
    [0, 0.2],
  ]);
  expect(firstDraft(asked).tags).toEqual(["1"]);
  const draft = { ...NO_TAGS, tags: ["2"], removed: ["1"], newNames: ["Rex"] };
  expect(answerOf(THREE, asked, draft)).toEqual({
    picture: "a",
    confirmed: [["lake"], ["Rex"]],
    rejected: [["animal", "fish"]],
  });
});

test("without a tag all that was suggested is rejected, each once", () => {
  const asked = question("a", 1, [
    [1, 0.7],
    [0, 0.2],
  ]);
  expect(answerOf(THREE, asked, { ...NO_TAGS, removed: ["1"] })).toEqual({
    picture: "a",
    confirmed: [],
    rejected: [
      ["animal", "fish"],
      ["animal", "bird"],
    ],
  });
});

test("tags are chosen by their own names", () => {
  expect(tagViews(TAGS).map(({ id, name }) => [id, name])).toEqual([
    ["0", "bird"],
    ["1", "fish"],
    ["2", "lake"],
  ]);
});
