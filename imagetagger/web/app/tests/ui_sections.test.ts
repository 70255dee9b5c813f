import { expect, test } from "vitest";
import { add, type Draft, initialDraft } from "../src/ui/draft";
import { EVERYTHING, type Filter } from "../src/ui/filter";
import { sectionKey, sections, steadySections, sureIds } from "../src/ui/sections";
import { picture, tag } from "./ui_pictures";

const guess = (tag: string, probability: number) => ({ tag, probability });
const pictures = [
  picture("a", { suggested: [guess("cat", 0.6)] }),
  picture("b", { suggested: [guess("cat", 0.9)] }),
  picture("c", { suggested: [guess("dog", 0.8)] }),
  picture("d", { suggested: [guess("dog", 0.4), guess("cat", 0.3)] }),
  picture("e", { unknown: true, suggested: [guess("cat", 0.99)] }),
  picture("f", { tags: ["cat"], suggested: [guess("dog", 0.9)] }),
  picture("g", { suggested: [guess("cup", 0.9)], possible: [guess("cat", 0.01)] }),
  picture("h", { suggested: [guess("cup", 0.7)], name: "my cat.jpg" }),
  picture("i", { suggested: [guess("dog", 0.7)] }),
  picture("j", { suggested: [guess("dog", 0.6)] }),
  picture("k", { suggested: [guess("tea", 0.6)] }),
];
const library = {
  order: pictures.map(({ id }) => id),
  pictures: new Map(pictures.map((each) => [each.id, each])),
  tags: new Map(["cat", "dog", "cup", "tea"].map((name) => [name, tag(name)])),
  terms: new Map(),
};
const shown = (filter: Partial<Filter>, drafts: ReadonlyMap<string, Draft> = new Map()) =>
  sections(library, { ...EVERYTHING, ...filter }, drafts).map(({ kind, tags, ids }) => [
    kind,
    tags.join(),
    ids.join(""),
  ]);

test("a search shows confirmed pictures, then likely ones and those called so, and the rest as perhaps", () => {
  expect(shown({ text: "cat" })).toEqual([
    ["plain", "", "fbah"],
    ["perhaps", "", "edg"],
  ]);
});

test("a tag's pictures come in the same order, but file names do not count", () => {
  expect(shown({ tag: "cat" })).toEqual([
    ["plain", "", "fba"],
    ["perhaps", "", "edg"],
  ]);
});

test("a search that finds nothing has no section", () => {
  expect(shown({ text: "x" })).toEqual([]);
  expect(shown({ text: "y cat" })).toEqual([]); // no word begins with it
});

test("without a search all pictures come in their order", () => {
  expect(shown({})).toEqual([["plain", "", "abcdefghijk"]]);
});

test("pictures to confirm come by their likely tag, the most frequent first, then by guesses", () => {
  expect(shown({ show: "open" })).toEqual([
    ["likely", "dog", "cij"],
    ["likely", "cat", "ab"],
    ["likely", "cup", "gh"],
    ["likely", "", "k"],
    ["guess", "", "de"],
  ]);
});

test("sections keep their order while their sizes change, and new ones come last", () => {
  const all = sections(library, { ...EVERYTHING, show: "open" }, new Map());
  const keys = all.map(sectionKey);
  const shuffled = [...all].reverse();
  expect(steadySections(keys, shuffled).map(sectionKey)).toEqual(keys);
  expect(steadySections(keys.slice(2), all).map(sectionKey)).toEqual([...keys.slice(2), ...keys.slice(0, 2)]);
});

test("all of a search is what surely fits, if anything does", () => {
  const searched = (text: string) => sureIds(sections(library, { ...EVERYTHING, text }, new Map())).join("");
  expect(searched("cat")).toBe("fbah");
  expect(sureIds([{ kind: "perhaps", tags: [], ids: ["x"] }])).toEqual(["x"]);
});

test("the end of a file name is no word", () => {
  expect(shown({ text: "jpg" })).toEqual([]);
});

test("a picture whose tags the user began to choose, or that has no other guess, is confirmed by itself", () => {
  const a = pictures[0] as (typeof pictures)[0];
  const rejected = { ...library, pictures: new Map([...library.pictures, ["a", { ...a, rejected: ["cat"] }]]) };
  const parts = sections(rejected, { ...EVERYTHING, show: "open" }, new Map());
  expect(parts).toContainEqual({ kind: "likely", tags: [], ids: ["b", "k"] });
  expect(parts).toContainEqual({ kind: "open", tags: [], ids: ["a"] });
  const chosen = new Map([["a", add(initialDraft(a), "dog")]]);
  expect(shown({ show: "open" }, chosen)).toContainEqual(["open", "", "a"]);
});

test("a picture that the tagger has not looked at yet is in no group, unless the user began to choose its tags", () => {
  const unseen = new Map([...library.pictures].map(([id, each]) => [id, { ...each, suggested: [], predicted: false }]));
  const early = { ...library, pictures: unseen };
  const drafts = new Map([["a", add(initialDraft(unseen.get("a") as (typeof pictures)[0]), "dog")]]);
  const parts = sections(early, { ...EVERYTHING, show: "open" }, drafts);
  expect(parts.map(({ kind }) => kind)).toEqual(["open", "plain"]);
  expect(parts[0]?.ids).toEqual(["a"]);
});

test("a picture whose likely tag was rejected is with those of its next guess", () => {
  const both = picture("l", { suggested: [guess("cup", 0.6), guess("dog", 0.3)], rejected: ["cup"] });
  const more = { ...library, order: [...library.order, "l"], pictures: new Map([...library.pictures, ["l", both]]) };
  const guesses = sections(more, { ...EVERYTHING, show: "open" }, new Map()).filter(({ kind }) => kind === "guess");
  expect(guesses).toEqual([
    { kind: "guess", tags: ["dog"], ids: ["d", "l"] },
    { kind: "guess", tags: [], ids: ["e"] },
  ]);
});
