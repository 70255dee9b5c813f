import { expect, test } from "vitest";
import { byCodePoint, casefold, problemOf, quote, same, tidy } from "../src/lessons/names";
import { golden } from "./golden";

interface Golden {
  assigned: [number, number][];
  folds: string[];
  spaces: number[];
  stored: [string, string, string | null][];
  same: [string, string][];
}

const { assigned, folds, spaces, stored, same: twins } = golden<Golden>("names");

function* characters(): Generator<string> {
  for (const [first, last] of assigned) for (let c = first; c <= last; c++) yield String.fromCodePoint(c);
}

test("every character that Python knows folds as in Python, alone and in a word", () => {
  const folded = new Map(folds.map((pair) => [String.fromCodePoint(pair.codePointAt(0) as number), pair]));
  const wrong: string[] = [];
  for (const character of characters()) {
    const wanted = folded.get(character)?.slice(character.length) ?? character;
    if (casefold(character) !== wanted || casefold(`a${character}`) !== `a${wanted}`) wrong.push(character);
  }
  expect(wrong).toEqual([]);
  expect(folds.length).toBeGreaterThan(1400);
}, 60_000);

test("white space is that of Python", () => {
  const found = [...characters()].filter((character) => tidy(`a${character}b`) === "a b").map((c) => c.codePointAt(0));
  expect(found).toEqual(spaces);
});

test("names are stored, refused and compared as in Python", () => {
  for (const [name, tidied, kept] of stored) {
    expect(tidy(name)).toBe(tidied);
    expect(problemOf(tidied) === null ? tidied : null).toBe(kept);
  }
  const names = stored.map(([name]) => name);
  const found = names.flatMap((a) => names.filter((b) => byCodePoint(a, b) < 0 && same(a, b)).map((b) => [a, b]));
  expect(found.sort()).toEqual(twins.sort());
});

test("a name of 100 characters is one, be they emoji, and one more is too long", () => {
  expect(problemOf("🐶".repeat(100))).toBeNull();
  expect(problemOf("🐶".repeat(101))).toContain("this one has 101");
  expect(problemOf("x".repeat(10_000))).toContain("this one has 10,000");
  expect(problemOf("\ud83d")).toContain("no text");
});

test("texts are ordered by code points, and long ones are cut in messages", () => {
  expect(["🐶", "\uf8ff", "a", "ab", ""].sort(byCodePoint)).toEqual(["", "a", "ab", "\uf8ff", "🐶"]);
  expect(quote("🐶".repeat(9999))).toBe(`"${"🐶".repeat(100)}…"`);
});
