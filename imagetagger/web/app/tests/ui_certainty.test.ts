import { expect, test } from "vitest";
import { byCertainty, caption, match } from "../src/ui/certainty";
import { picture, term } from "./ui_pictures";

const terms = new Map([["bird", term("bird")]]);
const found = (tags: string[], more: Parameters<typeof picture>[1]) => match(picture("p", more), new Set(tags), terms);
const guess = (tag: string, probability: number) => ({ tag, probability });

test("a tag is likely above one half, otherwise perhaps, and never likely for an unknown picture", () => {
  expect(caption(picture("p", { suggested: [guess("cat", 0.51)] })).certainty).toBe("likely");
  expect(caption(picture("p", { suggested: [guess("cat", 0.5)] })).certainty).toBe("perhaps");
  expect(caption(picture("p", { suggested: [guess("cat", 0.9)], unknown: true })).certainty).toBe("perhaps");
  expect(caption(picture("p"))).toEqual({ tags: [], certainty: "perhaps" });
});

test("under a confirmed picture stand its own tags, whatever is suggested", () => {
  const own = picture("p", { tags: ["Rex", "dog"], suggested: [guess("cat", 0.9)] });
  expect(caption(own)).toEqual({ tags: ["Rex", "dog"], certainty: "confirmed" });
});

test("a search sums the tags that it means, in the set and outside", () => {
  const both = { suggested: [guess("goose", 0.4)], possible: [guess("finch", 0.2), guess("cup", 0.1)] };
  expect(found(["goose", "finch"], both)).toEqual({ certainty: "likely", probability: expect.closeTo(0.6) });
  expect(found(["cup"], both)).toEqual({ certainty: "perhaps", probability: 0.1 });
  expect(found(["tea"], both)).toBeNull();
});

test("a term that is a tag already includes the tags below it", () => {
  const taught = { suggested: [guess("bird", 0.45), guess("goose", 0.4)] };
  expect(found(["bird", "goose"], taught)).toEqual({ certainty: "perhaps", probability: 0.45 });
});

test("a confirmed picture is found by its own tags only", () => {
  const own = { tags: ["cat"], suggested: [guess("goose", 0.9)] };
  expect(found(["goose"], own)).toBeNull();
  expect(found(["cat"], own)?.certainty).toBe("confirmed");
});

test("confirmed pictures come first, then likely ones, then others, the more probable first", () => {
  const sorted = [
    { certainty: "perhaps" as const, probability: 0.9 },
    { certainty: "likely" as const, probability: 0.6 },
    { certainty: "confirmed" as const, probability: 1 },
    { certainty: "likely" as const, probability: 0.8 },
  ].sort(byCertainty);
  expect(sorted.map(({ probability }) => probability)).toEqual([1, 0.8, 0.6, 0.9]);
});
