/** Names of tags, as imagetagger/lessons.py compares and stores them: ids of new tags are made of them. */

/** The white space of Python's str.split(); that of JavaScript's \s differs. */
const SPACE = "\t\n\v\f\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const SPACES = new RegExp(`[${SPACE}]+`, "gu");

/** Small letters of Cherokee were added after its capitals, which are therefore what both fold to. */
const CHEROKEE = /[\u13a0-\u13ff\uab70-\uabbf]/u;

/** What no name may hold: control characters, and halves of characters. */
const NO_TEXT = /[\p{Cc}\p{Cs}]/u;

/** Characters of the longest name. */
const LONGEST = 100;

/** Returns a name with single spaces and composed accents: as a keyboard, a file system or a browser may give it. */
export function tidy(name: string): string {
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
  return Array.from(character.toLowerCase().toUpperCase(), (one) => one.toLowerCase()).join("");
}

/** Returns whether two names differ in case and spacing only. */
export function same(a: string, b: string): boolean {
  return casefold(tidy(a)) === casefold(tidy(b));
}

/** Returns why a tidy name is none, whatever other tags are called: null where it is one. */
export function problemOf(name: string): string | null {
  const length = Array.from(name).length;
  if (length < 1) return "a name needs at least one character";
  if (length > LONGEST) return `a name has at most ${LONGEST} characters, this one has ${length.toLocaleString("en")}`;
  if (NO_TEXT.test(name)) return `the name ${quote(name)} holds characters that are no text: leave them out`;
  return null;
}

/** Returns a text in quotes, for a message, with control characters spelled out and its end cut off where long. */
export function quote(text: string): string {
  const characters = Array.from(text);
  return JSON.stringify(characters.length > 100 ? `${characters.slice(0, 100).join("")}…` : text);
}

/** Orders texts by code points, as Python does: JavaScript's < puts emoji before some letters. */
export function byCodePoint(a: string, b: string): number {
  for (let i = 0; i < Math.min(a.length, b.length); ) {
    const x = a.codePointAt(i) as number;
    const y = b.codePointAt(i) as number;
    if (x !== y) return x - y;
    i += x > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}
