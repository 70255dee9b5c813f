import { expect, test } from "vitest";
import {
  add,
  addName,
  addTyped,
  candidates,
  difference,
  initialDraft,
  isNothing,
  NO_TAGS,
  prune,
  remove,
  removeName,
} from "../src/ui/draft";
import { picture, tag } from "./ui_pictures";

const suggested = [
  { tag: "cat", probability: 0.7 },
  { tag: "dog", probability: 0.5 },
  { tag: "cup", probability: 0.1 },
];
const open = picture("p", { suggested });

test("suggestions above one half are in the draft at first, the rest are candidates", () => {
  const draft = initialDraft(open);
  expect(draft.tags).toEqual(["cat"]);
  expect(candidates(open, draft)).toEqual(["dog", "cup"]);
});

test("the draft of an unknown picture is empty at first", () => {
  expect(initialDraft(picture("p", { suggested, unknown: true })).tags).toEqual([]);
});

test("the user's tags go before the tagger's", () => {
  const draft = initialDraft(picture("p", { suggested, tags: ["dog"] }));
  expect(draft.tags).toEqual(["dog"]);
  expect(isNothing(difference(picture("p", { suggested, tags: ["dog"] }), draft))).toBe(true);
});

test("a removed tag goes back to its place among the candidates, and one that is not suggested stays in sight", () => {
  const own = picture("p", { suggested, tags: ["Rex", "cat"] });
  const draft = remove(remove(initialDraft(own), "Rex"), "cat");
  expect(candidates(own, draft)).toEqual(["cat", "dog", "cup", "Rex"]);
  expect(difference(own, draft)).toEqual({ learn: [], newNames: [], forget: ["Rex", "cat"] });
});

test("removing a tag and adding it again changes nothing", () => {
  const own = picture("p", { tags: ["cat"] });
  const draft = add(remove(initialDraft(own), "cat"), "cat");
  expect(isNothing(difference(own, draft))).toBe(true);
  expect(draft.removed).toEqual([]);
});

test("a tag is in the draft once, however often it is added", () => {
  expect(add(add(initialDraft(open), "dog"), "dog").tags).toEqual(["cat", "dog"]);
});

test("a new name counts once, whatever its case, and can be taken out", () => {
  const draft = addName(addName(initialDraft(open), "Rex"), "REX");
  expect(difference(open, draft).newNames).toEqual(["Rex"]);
  expect(removeName(draft, "Rex").newNames).toEqual([]);
});

test("the text of the field is the tag of that name or synonym, else a new name, and blanks are nothing", () => {
  const tags = [tag("dog", { synonyms: ["hound"] }), tag("dogs")];
  const vocabulary = { tags: new Map(tags.map((each) => [each.id, each])), terms: new Map() };
  const draft = initialDraft(open);
  expect(addTyped(draft, " Hound ", vocabulary).tags).toEqual(["dog"]);
  expect(addTyped(draft, "do", vocabulary)).toEqual({ ...NO_TAGS, newNames: ["do"] });
  expect(addTyped(draft, "  ", vocabulary)).toBe(draft);
});

test("deleted tags leave the draft", () => {
  const draft = prune(remove(add(initialDraft(open), "dog"), "dog"), (tag) => tag === "dog");
  expect(draft).toEqual({ ...NO_TAGS, removed: ["dog"] });
});

test("naming a tag takes unchosen guesses back to the candidates, so that a correction never teaches the mistake", () => {
  const vocabulary = { tags: new Map([["cat", tag("cat")]]), terms: new Map() };
  const typed = addTyped(initialDraft(open), "Rex", vocabulary);
  expect(difference(open, typed)).toEqual({ learn: [], newNames: ["Rex"], forget: [] });
  expect(candidates(open, typed)).toEqual(["cat", "dog", "cup"]);
  expect(typed.removed).toEqual([]);
  expect(addTyped(initialDraft(open), "cat", vocabulary).tags).toEqual(["cat"]);
});

test("tags that the user chose, or confirmed before, stay when another is named", () => {
  const vocabulary = { tags: new Map(), terms: new Map() };
  expect(addTyped(add(initialDraft(open), "dog"), "Rex", vocabulary).tags).toEqual(["dog"]);
  expect(addTyped(addTyped(initialDraft(open), "Rex", vocabulary), "Tom", vocabulary).newNames).toEqual(["Rex", "Tom"]);
  const own = picture("p", { suggested, tags: ["cat"] });
  expect(addTyped(initialDraft(own), "Rex", vocabulary).tags).toEqual(["cat"]);
});

test("rejected suggestions are struck from the start, and not chosen", () => {
  const draft = initialDraft({ ...open, rejected: ["cat"] });
  expect(draft).toEqual({ ...NO_TAGS, removed: ["cat"] });
});

test("a guess that was taken off and chosen again is no guess", () => {
  const draft = add(remove(initialDraft(open), "cat"), "cat");
  expect(draft).toMatchObject({ tags: ["cat"], guessed: [] });
});
