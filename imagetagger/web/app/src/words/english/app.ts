import type { Progress } from "../../api";
import { format, pictures } from "./formats";

const PROGRESS: Record<Progress["kind"], string> = {
  adding: "Looking at pictures",
  importing: "Reading the file",
  reembedding: "The new tagger looks at your pictures",
};

/** The frame of all screens, notices, and the opening. */
export const app = {
  screens: "Screens",
  pictures: "Pictures",
  tags: "Tags",
  more: "More",
  /** The window's title. */
  title: (screen: string) => `${screen} · imagetagger`,
  ok: "OK",
  cancel: "Cancel",
  close: "Close",
  undo: "Undo",
  undone: (step: string) => `Undone: ${step}`,
  newVersion: "A new version is ready.",
  update: "Update",
  drop: "Drop the pictures to add them",
  /** After a drop without a picture, as of an empty folder. */
  nothingFound: "No pictures were found there",
  /** After another app shared more than could be stored. */
  shareIncomplete:
    "Not all shared pictures arrived: this device may have no room left for the app. Free some space, and share the missing ones again.",
  progress: ({ kind }: Pick<Progress, "kind">) => PROGRESS[kind],
  progressCount: (done: number, total: number) => `${format.number(done)} of ${format.number(total)}`,
  opening: "Opening …",
  failed: "The app could not be opened",
  failedElsewhere: "The app is open elsewhere",
  /** Under the reason, where stored data survives. */
  safe: "What you taught is safe: it stays stored on this device.",
  again: "Try again",
  useHere: "Use it here",
  /** After a tagger of another kind was opened. */
  reembedded: (count: number, unreadable: number) => {
    const seen = count > 0 ? ` It looked again at your ${pictures(count)}.` : "";
    const which = format.form(unreadable, { one: "it", other: "they" });
    const many = count > 0 ? format.many(unreadable, { one: "other", other: "others" }) : pictures(unreadable);
    const lost = unreadable > 0 ? ` ${many} could not be read, and what ${which} taught is left out.` : "";
    return `The tagger is new.${seen}${lost}`;
  },
  /** At the opening after an addition that did not end. */
  unfinished: (left: number, total: number) =>
    `Adding pictures ended early: ${format.number(left)} of ${pictures(total)} may be missing. Choose all of them again; those that are here are skipped.`,
  keysTitle: "Keys",
  /** Keys, separated by spaces, and what they do. */
  keys: [
    ["/", "Search, or add a tag"],
    ["← ↑ → ↓", "Go from picture to picture, or move an enlarged one"],
    ["1 … 9", "Add the tag of this place under Perhaps"],
    ["Enter", "Confirm the tags of the picture, and go to the next one"],
    ["Ctrl+A", "Select all pictures shown"],
    ["Shift", "With a press: select all up to there"],
    ["+ − 0", "Enlarge the picture, or show all of it; so do wheel and double click"],
    ["Ctrl+Z", "Undo"],
    ["Esc", "Back"],
    ["?", "Show these keys"],
  ] as readonly (readonly [string, string])[],
};
