import { expect, test } from "vitest";
import { isSystemPath } from "../src/files/ignored";
import { casefold, nameProblem, normaliseName, sameName } from "../src/format/names";
import { byCodePoint, quote } from "../src/format/text";
import { golden } from "./golden";

interface Golden {
  assigned: [number, number][];
  folds: string[];
  spaces: number[];
  stored: [string, string, string | null][];
  same: [string, string][];
  system: [string, boolean][];
}

const { assigned, folds, stored, same: twins } = golden<Golden>("names");

function* characters(): Generator<string> {
  for (const [first, last] of assigned) for (let c = first; c <= last; c++) yield String.fromCodePoint(c);
}

test("every character that Python knows folds as in Python, alone and in a word", () => {
  const folded = new Map(folds.map((pair) => [String.fromCodePoint(pair.codePointAt(0) as number), pair]));
  const wrong: string[] = [];
  for (const character of characters()) {
    const expected = folded.get(character)?.slice(character.length) ?? character;
    if (casefold(character) !== expected || casefold(`a${character}`) !== `a${expected}`) wrong.push(character);
  }
  expect(wrong).toEqual([]);
  expect(folds.length).toBeGreaterThan(1400);
}, 60_000);

test("white space is that of Python", () => {
  const spaces = [...characters()]
    .filter((character) => normaliseName(`a${character}b`) === "a b")
    .map((c) => c.codePointAt(0));
  expect(spaces).toEqual(golden<Golden>("names").spaces);
});

test("names are stored, refused and compared as in Python", () => {
  for (const [name, normalised, valid] of stored) {
    expect(normaliseName(name)).toBe(normalised);
    expect(nameProblem(normalised) === null ? normalised : null).toBe(valid);
  }
  const names = stored.map(([name]) => name);
  const same = names.flatMap((a) => names.filter((b) => byCodePoint(a, b) < 0 && sameName(a, b)).map((b) => [a, b]));
  expect(same.sort()).toEqual(twins.sort());
});

test("a name of 100 characters is valid, also of emoji, and one of 101 is too long", () => {
  expect(nameProblem("🐶".repeat(100))).toBeNull();
  expect(nameProblem("🐶".repeat(101))).toEqual({ kind: "longName", length: 101, most: 100 });
  expect(nameProblem("\ud83d")).toEqual({ kind: "unsafeName" });
});

test("texts are ordered by code points, and long ones are cut in messages", () => {
  expect(["🐶", "\uf8ff", "a", "ab", ""].sort(byCodePoint)).toEqual(["", "a", "ab", "\uf8ff", "🐶"]);
  expect(quote("🐶".repeat(9999))).toBe(`"${"🐶".repeat(100)}…"`);
});

test("files of systems are recognised as in Python", () => {
  const { system } = golden<Golden>("names");
  expect(system.length).toBeGreaterThan(80);
  expect(system.filter(([path, expected]) => isSystemPath(path) !== expected)).toEqual([]);
});
