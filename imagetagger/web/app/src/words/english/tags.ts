import { format, tags as many, pictures } from "./formats";

/** The screen of tags, and the dialog of one. */
export const tags = {
  title: "Tags",
  newTag: "New tag",
  /** The button, beside the title. */
  newButton: "New tag",
  search: "Search tags",
  found: (count: number) => `${many(count)} found`,
  was: (original: string) => `was ${original}`,
  hidden: "hidden",
  nothing: "No tag has this name.",
  count: many,
  pictures,
  /** The button for more rows of a long list. */
  showMore: (count: number, left: number) =>
    count === left
      ? `Show ${format.number(count)} more`
      : `Show ${format.number(count)} more of ${format.number(left)}`,
  /** How many pictures taught a tag; null for one that was known before. */
  taughtBy: (all: number | null, taught: number) => {
    if (all === null) return taught === 0 ? "Known" : `Known, and ${pictures(taught)} of yours`;
    if (taught === 0) return all === 0 ? "No pictures yet" : pictures(all);
    return all === taught ? `${pictures(taught)} of yours` : `${pictures(all)}, ${format.number(taught)} of yours`;
  },
  also: (synonyms: readonly string[]) => `also: ${synonyms.join(", ")}`,
  name: "Name",
  newTagHint: "Then confirm it on a few pictures: open one, or select several, and add the tag.",
  addTag: "Add the tag",
  rename: "Rename",
  merge: "Merge into another tag",
  mergeInto: "Merge into",
  show: "Show its pictures",
  hide: "Hide from suggestions",
  unhide: "Suggest it again",
  reset: "Reset",
  delete: "Delete",
  mergeTitle: (into: string) => `Merge into ${into}?`,
  mergeText: (name: string, into: string) =>
    `“${into}” keeps its name and knows what both were taught. “${name}” is removed. You can undo this.`,
  mergeYes: "Merge",
  deleteTitle: (name: string) => `Delete ${name}?`,
  deleteText: (name: string, taught: number) =>
    `“${name}” will not be suggested any more${taught > 0 ? `, and what ${pictures(taught)} of yours taught it is forgotten` : ""}. You can undo this.`,
  resetTitle: (name: string) => `Reset ${name}?`,
  resetText: (name: string) =>
    `What you taught “${name}”, its new name and its merges are forgotten. You can undo this.`,
};
