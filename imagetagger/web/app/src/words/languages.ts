/** The languages of the app, and which one its user reads. */

import { english } from "./english";
import { german } from "./german";

/** A language: all that English says, with the same values inside. */
export type Words = typeof english;

/** The first one is for users who read none of them. */
export const LANGUAGES: readonly Words[] = [english, german];

/** The words of the chosen language; without a choice, of the first that the user reads, such as "de-AT". */
export function wordsFor(choice: string | null, reads: readonly string[]): Words {
  const codes = [choice ?? "", ...reads].map((tag) => tag.toLowerCase().split("-")[0]);
  const known = codes.flatMap((code) => LANGUAGES.find((words) => words.code === code) ?? []);
  return known[0] ?? english;
}
