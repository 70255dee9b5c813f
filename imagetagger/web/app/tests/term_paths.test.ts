import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { termPaths, termsAbove } from "../src/format/terms";
import { matchingTags } from "../src/ui/search";
import { tag, term } from "./ui_pictures";

interface Case {
  what: string;
  broader: Record<string, string[]>;
  usable: string[];
  paths: Record<string, string[][]>;
}

/** The table that tests/terms/test_paths.py reads too. */
const cases: Case[] = JSON.parse(readFileSync(new URL("term_paths.json", import.meta.url), "utf8"));

describe.each(cases)("$what", ({ broader, usable, paths }) => {
  test.each(Object.entries(paths))("%s is below all its broader terms", (word, expected) => {
    expect(termPaths(word, (id) => broader[id] ?? [], new Set(usable))).toEqual(expected);
  });

  test.each(Object.entries(paths))("a search for any of them finds %s", (word, expected) => {
    const others = new Set([...Object.keys(broader), ...usable]);
    const terms = new Map([...others].map((id) => [id, term(id, broader[id] ?? [])]));
    const tags = new Map([[word, tag(word, { broader: broader[word] ?? [] })]]);
    expect(termsAbove(terms, broader[word] ?? []).size).toBeGreaterThanOrEqual(new Set(expected.flat()).size - 1);
    for (const id of expected.flat()) expect([...(matchingTags({ tags, terms }, id) ?? [])]).toContain(word);
  });
});
