import { expect, test } from "vitest";
import { add, addName, initialDraft, remove } from "../src/ui/draft";
import { isTicked, proposalOf, withTicks } from "../src/ui/proposals";
import { picture } from "./ui_pictures";

const guess = (tag: string, probability: number) => ({ tag, probability });
const sure = picture("sure", { suggested: [guess("cat", 0.7), guess("dog", 0.2)] });
const unsure = picture("unsure", { suggested: [guess("cat", 0.4), guess("dog", 0.3)] });

test("likely tags are proposed, otherwise the best guess, which is all that an unknown picture has", () => {
  expect(proposalOf(sure, undefined)).toEqual({ certainty: "likely", tags: ["cat"] });
  expect(proposalOf(unsure, undefined)).toEqual({ certainty: "perhaps", tags: ["cat"] });
  expect(proposalOf(picture("none"), undefined)).toBeNull();
  const unknown = picture("new", { unknown: true, suggested: [guess("cat", 0.9)] });
  expect(proposalOf(unknown, undefined)).toEqual({ certainty: "perhaps", tags: ["cat"] });
});

test("a rejected tag is followed by the next guess, and chosen tags by none", () => {
  expect(proposalOf({ ...sure, rejected: ["cat"] }, undefined)).toEqual({ certainty: "perhaps", tags: ["dog"] });
  expect(proposalOf(sure, remove(initialDraft(sure), "cat"))).toEqual({ certainty: "perhaps", tags: ["dog"] });
  const alone = picture("alone", { suggested: [guess("cat", 0.9)], possible: [guess("cup", 0.01)], rejected: ["cat"] });
  expect(proposalOf(alone, undefined)).toEqual({ certainty: "perhaps", tags: ["cup"] });
  const learned = picture("learned", { suggested: [guess("dog", 0.8), guess("cat", 0.1)], rejected: ["cat"] });
  expect(proposalOf(learned, undefined)).toEqual({ certainty: "likely", tags: ["dog"] });
  expect(proposalOf(sure, add(initialDraft(sure), "dog"))).toBeNull();
  expect(proposalOf(unsure, addName(initialDraft(unsure), "Rex"))).toBeNull();
});

test("likely tags are ticked without a press, guesses are not, and a tick is of the tags that it was set for", () => {
  const likely = { certainty: "likely" as const, tags: ["cat"] };
  const perhaps = { certainty: "perhaps" as const, tags: ["cat"] };
  expect(isTicked(new Map(), "a", likely)).toBe(true);
  expect(isTicked(new Map(), "a", perhaps)).toBe(false);
  const ticked = withTicks(new Map(), [["a", perhaps]], true);
  expect(isTicked(ticked, "a", perhaps)).toBe(true);
  expect(isTicked(ticked, "a", { ...perhaps, tags: ["dog"] })).toBe(false);
  const unticked = withTicks(ticked, [["a", likely]], false);
  expect(isTicked(unticked, "a", likely)).toBe(false);
  expect(isTicked(unticked, "a", { ...likely, tags: ["dog"] })).toBe(true);
});
