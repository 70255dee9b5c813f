/** Names of tags, stored and compared as in imagetagger/tagger/lessons.py: ids of new tags are made of them. */

import type { Problem } from "./problems";
import { UNSAFE } from "./text";

/** The white space of Python's str.split() but for control characters that nobody types; JavaScript's \s differs. */
const SPACE = "\t\n\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const SPACES = new RegExp(`[${SPACE}]+`, "gu");

/** Small letters of Cherokee were added after its capitals, which are therefore what both fold to. */
const CHEROKEE = /[\u13a0-\u13ff\uab70-\uabbf]/u;

/** Names of which nothing is seen: spaces, joiners, tags, selectors of variants, fillers of Hangul, Braille's blank. */
const UNSEEN = /^(?:[\p{Cf}\p{Zs}\p{Variation_Selector}\u115f\u1160\u2800\u3164\uffa0]|\u034f)+$/u;

const MAX_NAME_LENGTH = 100;

/** Returns a name with single spaces and composed accents: keyboards and file systems differ in both. */
export function normaliseName(name: string): string {
  return name.normalize("NFC").replace(SPACES, " ").replace(/^ | $/g, "");
}

/** Returns the full case folding of Unicode: Python's str.casefold(), which JavaScript lacks. */
export function casefold(text: string): string {
  return Array.from(text, fold).join("");
}

function fold(character: string): string {
  if (character === "ı") return character; // its capital is the I of i, which folds to another letter
  if (CHEROKEE.test(character)) return character.toUpperCase();
  // There and back, for letters such as ß, ſ or ς. Letter by letter: in a word, Σ at the end would become ς.
  return Array.from(character.toLowerCase().toUpperCase(), (capital) => capital.toLowerCase()).join("");
}

/** Returns whether two names differ in case and spacing only. */
export function sameName(a: string, b: string): boolean {
  return casefold(normaliseName(a)) === casefold(normaliseName(b));
}

/** Returns what is wrong with a normalised name, null if it is valid. Other tags are not considered. */
export function nameProblem(name: string): Problem | null {
  const length = Array.from(name).length;
  if (length < 1) return { kind: "emptyName" };
  if (length > MAX_NAME_LENGTH) return { kind: "longName", length, most: MAX_NAME_LENGTH };
  if (UNSAFE.test(name)) return { kind: "unsafeName" };
  if (UNSEEN.test(name)) return { kind: "unseenName" };
  return null;
}
