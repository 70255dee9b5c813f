import { expect, test, vi } from "vitest";
import { complete, knownTag } from "../src/ui/completion";
import { EVERYTHING } from "../src/ui/filter";
import { closeness, completeTerms, fold, matchingSynonym, matchingTags, tagsBelow } from "../src/ui/search";
import { visible } from "../src/ui/sections";
import { picture, tag, term } from "./ui_pictures";

const words = [
  term("animal"),
  term("bird", ["animal"], ["fowl"]),
  term("bird of prey", ["bird"], ["raptor"]),
  term("finch", ["bird"]),
  term("insect", ["animal"]),
  term("dog", ["animal"], ["domestic dog"]),
];
const tags = [
  tag("goldfinch", { broader: ["finch"] }),
  tag("goose", { broader: ["bird"] }),
  tag("kite", { broader: ["bird of prey"] }),
  tag("ladybug", { broader: ["insect"], synonyms: ["ladybird", "lady beetle"] }),
  tag("birdhouse", { synonyms: ["nesting box"] }),
  tag("hot dog", { synonyms: ["red-hot"] }),
  tag("beagle", { broader: ["dog", "animal"] }),
  tag("user:garden", { name: "garden bird", original: null, taught: 2 }),
  tag("鳥", { name: "小鳥の巣" }),
];
const vocabulary = { tags: new Map(tags.map((each) => [each.id, each])), terms: new Map(words.map((w) => [w.id, w])) };
const found = (text: string) => [...(matchingTags(vocabulary, text) ?? [])].sort();

test("a term finds the tags below it and what the user calls so, but no word that merely holds it", () => {
  expect(found("bird")).toEqual(["goldfinch", "goose", "kite", "user:garden"]);
  expect(found(" FOWL ")).toEqual(["goldfinch", "goose", "kite"]);
  expect(found("dog")).toEqual(["beagle"]);
});

test("the beginning of a word finds names, synonyms and broader terms", () => {
  expect(found("bir")).toEqual(["birdhouse", "goldfinch", "goose", "kite", "user:garden"]);
  expect(found("box")).toEqual(["birdhouse"]);
  expect(found("hot")).toEqual(["hot dog"]);
  expect(found("prey")).toEqual(["kite"]);
  expect(found("house")).toEqual([]);
  expect(found("鳥")).toEqual(["鳥"]);
  expect(matchingTags(vocabulary, " ")).toBeNull();
});

test("pictures are found by the term above what they are guessed or tagged", () => {
  const pictures = [
    picture("a", { suggested: [{ tag: "goldfinch", probability: 0.8 }] }),
    picture("b", { tags: ["goose"] }),
    picture("c", { tags: ["ladybug"], suggested: [{ tag: "goose", probability: 0.9 }] }),
    picture("d", { suggested: [{ tag: "birdhouse", probability: 0.8 }] }),
  ];
  const library = {
    ...{ ...vocabulary, order: pictures.map(({ id }) => id) },
    pictures: new Map(pictures.map((each) => [each.id, each])),
  };
  expect(visible(library, { ...EVERYTHING, text: "bird" }, new Map())).toEqual(["b", "a"]);
  expect(visible(library, { ...EVERYTHING, tag: "finch" }, new Map())).toEqual(["a"]);
  expect(visible(library, { ...EVERYTHING, tag: "birdhouse" }, new Map())).toEqual(["d"]);
});

test("a term that the user taught is a tag below itself, and is known by the words of the term", () => {
  const dog = tag("dog", { original: null, taught: 1, name: "doggy" });
  const taught = { ...vocabulary, tags: new Map([...vocabulary.tags, ["dog", dog]]) };
  expect(tagsBelow(taught, "dog")).toEqual(["beagle", "dog"]);
  expect(tagsBelow(vocabulary, "dog")).toEqual(["beagle"]);
  expect(knownTag(taught.tags.values(), taught.terms, "Domestic Dog")).toBe(dog);
  expect(knownTag(vocabulary.tags.values(), vocabulary.terms, "domestic dog")).toBeUndefined();
});

test("terms to choose from are those that hold several tags, the exact one first, then the widest", () => {
  const offered = (text: string) => completeTerms(vocabulary, text).map(({ term, count }) => [term.id, count]);
  expect(offered("b")).toEqual([["bird", 3]]);
  expect(offered("ANIMAL")).toEqual([["animal", 5]]);
  expect(offered("")).toEqual([]);
});

test("hidden tags are not among the choices", () => {
  const hidden = tags.map((each) => ({ ...each, hidden: each.id === "goose" }));
  expect(complete(hidden, "go").map(({ id }) => id)).toEqual(["goldfinch"]);
});

test("a synonym tells why a tag is offered where its name does not", () => {
  const pen = tag("ballpoint pen", { synonyms: ["Biro", "pen"] });
  expect(["bir", "pen", "ball", "x"].map((text) => matchingSynonym(pen, text))).toEqual([
    "Biro",
    undefined,
    undefined,
    undefined,
  ]);
});

test("a search folds no word, and follows no broader term, that the one before did", () => {
  const many = new Map(
    Array.from({ length: 1000 }, (_, i) => {
      const id = `tag ${i}`;
      return [id, tag(id, { broader: [`term ${i}`], synonyms: [`word ${i}`, `other ${i}`] })];
    }),
  );
  const chain = new Map(
    Array.from({ length: 1000 }, (_, i) => [`term ${i}`, term(`term ${i}`, i % 10 ? [`term ${i - 1}`] : [])]),
  );
  const library = { tags: many, terms: chain };
  matchingTags(library, "t");
  const folding = vi.spyOn(String.prototype, "normalize");
  const following = vi.spyOn(chain, "get");
  expect(matchingTags(library, "term 990")?.size).toBe(10);
  expect(completeTerms(library, "term 99").length).toBe(3);
  expect([folding.mock.calls.length, following.mock.calls.length]).toEqual([2, 0]); // what was searched
  folding.mockRestore();
});

test("accents, case and compatibility forms are not compared", () => {
  expect(closeness({ name: "Überführung", synonyms: [] }, fold(" UBERFUH"))).toBe(0);
  expect(closeness({ name: "the überführung", synonyms: [] }, fold("uber"))).toBe(2);
});
