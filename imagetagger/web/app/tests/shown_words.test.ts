import { expect, test } from "vitest";
import { shownWords, suggestedTags } from "../src/engine/shown_words";
import type { Label, Term } from "../src/format/labels";
import { addTag, hideTags, NO_LESSONS, vocabulary } from "../src/lessons/lessons";
import { golden } from "./golden";

interface Listed {
  taught: string[];
  hidden: string[];
  probabilities: number[];
  /** Rows in the prediction set. */
  shown: number[];
  tags: [string, number][];
}

const { animals, kinds, listed } = golden<{ animals: Label[]; kinds: Term[]; listed: Listed[] }>("words");

function suggested({ taught, hidden, probabilities, shown: rows }: Listed) {
  let lessons = hideTags(NO_LESSONS, hidden);
  for (const name of taught) [lessons] = addTag(lessons, animals, name, kinds);
  const words = vocabulary(animals, lessons, kinds);
  const shown = shownWords(words, kinds, lessons.edits.hidden);
  const counts = new Float32Array(words.size).fill(1);
  const inSet = probabilities.map((_, row) => rows.includes(row));
  return suggestedTags(shown, [...words.keys()], Float64Array.from(probabilities), inSet, counts);
}

test.each(listed.map((each, i) => [i, each] as const))("tags are listed as in Python: %i", (_, each) => {
  const got = suggested(each);
  if (each.tags.length === 0)
    expect(got.length).toBeLessThanOrEqual(1); // one to choose from all the same
  else expect(got.map(({ tag }) => tag)).toEqual(each.tags.map(([tag]) => tag));
  for (const [i, [, probability]] of each.tags.entries()) expect(got[i]?.probability).toBeCloseTo(probability, 8);
});

test("a taught term is as probable as all below it, once, though tags below it are hidden", () => {
  const picture = { probabilities: [0.1, 0.05, 0.05, 0.2, 0.6], shown: [0, 1, 2, 3, 4], tags: [] };
  for (const hidden of [[], ["beagle", "poodle"]]) {
    const got = suggested({ taught: ["dog"], hidden, ...picture });
    expect(got.filter(({ tag }) => tag === "dog")).toEqual([{ tag: "dog", probability: expect.closeTo(0.75, 12) }]);
    expect(got[0]?.tag).toBe("dog");
  }
});

test("where hidden tags leave nothing, the most probable visible tag that has pictures is suggested", () => {
  const words = vocabulary(animals, NO_LESSONS, kinds);
  const shown = shownWords(words, kinds, new Set(["cup"]));
  const isCup = [...words.keys()].map((id) => id === "cup");
  const probabilities = Float64Array.of(0.1, 0.2, 0, 0.7);
  const all = suggestedTags(shown, [...words.keys()], probabilities, isCup, Float32Array.of(1, 0, 1, 1));
  expect(all).toEqual([{ tag: "beagle", probability: 0.1 }]);
});
