import { expect, test } from "vitest";
import {
  add,
  addName,
  addTyped,
  difference,
  initial,
  isNothing,
  perhaps,
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

test("what is more probable than one half starts as kept, the rest as perhaps", () => {
  const draft = initial(open);
  expect(draft.kept).toEqual(["cat"]);
  expect(perhaps(open, draft)).toEqual(["dog", "cup"]);
});

test("nothing starts as kept on a picture that fits nothing", () => {
  expect(initial(picture("p", { suggested, unknown: true })).kept).toEqual([]);
});

test("the user's tags go before the tagger's", () => {
  const draft = initial(picture("p", { suggested, tags: ["dog"] }));
  expect(draft.kept).toEqual(["dog"]);
  expect(isNothing(difference(picture("p", { suggested, tags: ["dog"] }), draft))).toBe(true);
});

test("a struck tag goes back to its place in perhaps, and one that nobody suggests stays in sight", () => {
  const own = picture("p", { suggested, tags: ["Rex", "cat"] });
  const draft = remove(remove(initial(own), "Rex"), "cat");
  expect(perhaps(own, draft)).toEqual(["cat", "dog", "cup", "Rex"]);
  expect(difference(own, draft)).toEqual({ learn: [], fresh: [], forget: ["Rex", "cat"] });
});

test("to strike and to take back is to change nothing", () => {
  const own = picture("p", { tags: ["cat"] });
  const draft = add(remove(initial(own), "cat"), "cat");
  expect(isNothing(difference(own, draft))).toBe(true);
  expect(draft.removed).toEqual([]);
});

test("a tag is kept once, however often it is added", () => {
  expect(add(add(initial(open), "dog"), "dog").kept).toEqual(["cat", "dog"]);
});

test("a new name counts once, whatever its case, and can be taken out", () => {
  const draft = addName(addName(initial(open), "Rex"), "REX");
  expect(difference(open, draft).fresh).toEqual(["Rex"]);
  expect(removeName(draft, "Rex").fresh).toEqual([]);
});

test("what stands in the field is the tag of that name or synonym, else a new name, and blanks are nothing", () => {
  const tags = [tag("dog", { synonyms: ["hound"] }), tag("dogs")];
  const draft = initial(open);
  expect(addTyped(draft, " Hound ", tags).kept).toEqual(["cat", "dog"]);
  expect(addTyped(draft, "do", tags)).toEqual({ ...draft, fresh: ["do"] });
  expect(addTyped(draft, "  ", tags)).toBe(draft);
});

test("tags that are no more leave the draft", () => {
  const draft = prune(remove(add(initial(open), "dog"), "dog"), (tag) => tag === "dog");
  expect(draft).toEqual({ kept: [], removed: ["dog"], fresh: [] });
});
