/** Texts in messages, and their order. */

/** Returns a text in quotes, for a message: what is UNSAFE is escaped, a long text is cut. */
export function quote(text: string): string {
  const characters = Array.from(text);
  const quoted = JSON.stringify(characters.length > 100 ? `${characters.slice(0, 100).join("")}…` : text);
  return quoted.replace(UNSAFE_ALL, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * What moves a cursor, ends a line or reverses what is shown: control characters, line separators, bidirectional
 * embeddings, overrides and isolates; and halves of characters. As in imagetagger/system/printable.py.
 */
export const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const UNSAFE_ALL = new RegExp(UNSAFE, "gu");

/** Returns a text without anything UNSAFE. */
export function visibleText(text: string): string {
  return text.replace(UNSAFE_ALL, "");
}

/** Returns the first names for a message, and how many more there are. */
export function abbreviate(names: readonly string[]): string {
  const first = names.slice(0, 5).map((name) => name.slice(0, 100));
  return names.length > 5 ? `${first.join(", ")} and ${names.length - 5} more` : first.join(", ");
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
