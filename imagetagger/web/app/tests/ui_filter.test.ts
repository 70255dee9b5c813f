import { expect, test } from "vitest";
import { complete, findTag } from "../src/ui/completion";
import { counts, EVERYTHING, neighbours, nextOpen, steadyOrder } from "../src/ui/filter";
import { visible } from "../src/ui/sections";
import { picture, tag } from "./ui_pictures";

const tags = [
  tag("cat", { name: "Egyptian cat", synonyms: ["puss"] }),
  tag("cattle", { name: "cattle" }),
  tag("catalogue", { name: "catalogue", taught: 3 }),
  tag("kitty", { name: "tabby", synonyms: ["cat with stripes"] }),
  tag("uber", { name: "Überführung" }),
];
const byId = new Map(tags.map((each) => [each.id, each]));
const pictures = [
  picture("a", { tags: ["cat"], suggested: [{ tag: "cattle", probability: 0.9 }] }),
  picture("b", { suggested: [{ tag: "cattle", probability: 0.9 }] }),
  picture("c", { unknown: true }),
  picture("d", { unknown: true, tags: ["uber"] }),
  picture("e", { confirmed: true, suggested: [{ tag: "cattle", probability: 0.4 }] }),
];
const order = pictures.map((each) => each.id);
const pictureById = new Map(pictures.map((each) => [each.id, each]));
const shown = (filter: Partial<typeof EVERYTHING>) =>
  visible({ order, pictures: pictureById, tags: byId, terms }, { ...EVERYTHING, ...filter }, new Map());
const terms = new Map();

test("names that begin with the text come first, the user's before others, then synonyms, then the inside", () => {
  expect(complete(tags, "CAT").map((each) => each.id)).toEqual(["catalogue", "cattle", "kitty", "cat"]);
});

test("accents and case do not matter in a search", () => {
  expect(complete(tags, "uberfuh").map((each) => each.id)).toEqual(["uber"]);
});

test("without text the user's own tags are offered", () => {
  expect(complete(tags, "  ").map((each) => each.id)).toEqual(["catalogue"]);
});

test("a list of choices has at most as many entries as asked for", () => {
  expect(complete(tags, "c", 2)).toHaveLength(2);
});

test("a name is known by itself or by a synonym, but accents make another name", () => {
  expect(findTag(tags, " egyptian  CAT ")?.id).toBe("cat");
  expect(findTag(tags, "Puss")?.id).toBe("cat");
  expect(findTag(tags, "Uberfuhrung")).toBeUndefined();
});

test("a confirmed picture is found by its own tags only, another by what is suggested", () => {
  expect(shown({ tag: "cattle" })).toEqual(["b"]);
  expect(shown({ text: "puss" })).toEqual(["a"]);
});

test("the four states split the pictures, and unknown ones wait to be confirmed too", () => {
  expect(shown({ show: "open" })).toEqual(["b", "c"]);
  expect(shown({ show: "confirmed" })).toEqual(["a", "d", "e"]);
  expect(shown({ show: "unknown" })).toEqual(["c"]);
  expect(counts(pictures)).toEqual({ all: 5, open: 2, confirmed: 3, unknown: 1 });
});

test("pictures keep the order that they had, new ones follow, and the one at hand stays", () => {
  expect(steadyOrder(["a", "b", "c"], ["c", "d", "a"], "b")).toEqual(["a", "b", "c", "d"]);
  expect(steadyOrder(["a", "b", "c"], ["c", "a"], "c")).toEqual(["a", "c"]);
  expect(steadyOrder([], ["c", "a"], "a")).toEqual(["c", "a"]);
});

test("neighbours end at the ends", () => {
  expect(neighbours(order, "a")).toEqual({ after: "b" });
  expect(neighbours(order, "e")).toEqual({ before: "d" });
  expect(neighbours(order, "?")).toEqual({});
});

test("the next picture to confirm comes after this one, else from the start, and is never this one", () => {
  expect(nextOpen(order, pictureById, "a")).toBe("b");
  expect(nextOpen(order, pictureById, "c")).toBe("b");
  expect(nextOpen(["a", "b"], pictureById, "b")).toBeUndefined();
});
