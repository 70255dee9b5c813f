import { format, names, pictures, tags } from "./formats";

/** A tag of a picture, with the tagger's probability, null for a new one; and whether the user confirmed it. */
interface Chosen {
  name: string;
  probability: number | null;
  taught: boolean;
}

/** The mark beside a tag: the user's, new, or the tagger's probability. */
const mark = (probability: number | null, taught: boolean) =>
  taught ? "yours" : probability === null ? "new" : format.percent(probability);

/** The screen of one picture. */
export const picture = {
  missing: "This picture is not here",
  all: "All pictures",
  place: (at: number, count: number) => `${format.number(at)} of ${format.number(count)}`,
  previous: "Previous picture",
  next: "Next picture",
  remove: "Remove this picture",
  notStored: "The picture itself was not stored.",
  /** When it was taken, and the folder that it was in. */
  origin: (taken: string | null, folder: string) =>
    [taken && format.dateTime(taken), folder].filter(Boolean).join(" · "),
  tags: "Tags",
  tagsOfThis: "Tags of this picture",
  removeTag: (name: string) => `Remove ${name}`,
  addTag: "Add a tag",
  add: "Add",
  perhaps: "Perhaps",
  more: (count: number) => `${format.number(count)} more`,
  mark,
  percent: format.percent,
  /** The tags, for screen readers. */
  spoken: (chosen: readonly Chosen[], isDismissed: boolean, isUnknown: boolean) => {
    if (chosen.length === 0) return isDismissed ? "No tag fits." : isUnknown ? "Nothing known fits." : "No tags yet.";
    const each = chosen.map(({ name, probability, taught }) =>
      `${name}, ${mark(probability, taught)}`.replace("< ", "under "),
    );
    return `${tags(chosen.length)}: ${each.join("; ")}`;
  },
  unknown: "Nothing I know fits well. Add a tag: after about five pictures I know it.",
  unsure: "I am not sure. Is it one of these?",
  newTag: (name: string) => `New tag “${name}”`,
  alreadyHere: "already here",
  broader: "broader term",
  confirm: (all: readonly string[]) => (all.length === 0 ? "Confirm" : `Confirm ${names(all)}`),
  confirmed: "Confirmed",
  removeTags: "Remove all tags",
  noTagFits: "No tag fits",
  confirmedNoTagFits: "Confirmed: no tag fits",
  removeTitle: (count: number) => `Remove ${pictures(count)}?`,
  /** Before pictures are removed; what `keeping` of them taught stays. */
  removeText: (count: number, keeping: number) => {
    const out =
      count === 1
        ? "This picture is removed from the app. The original file stays where it is."
        : `${pictures(count)} are removed from the app. The original files stay where they are.`;
    const those = keeping === count ? "they" : `${format.number(keeping)} of them`;
    const stays =
      count === 1
        ? "What it taught stays, with a small square of it."
        : `What ${those} taught stays, with a small square of each.`;
    const goes = keeping > 0 ? "Everything else leaves" : count === 1 ? "It leaves" : "They leave";
    const end = `${goes} this device when the app is opened next. Until then you can undo this.`;
    return [out, ...(keeping > 0 ? [stays] : []), end].join(" ");
  },
  removeYes: "Remove",
  alsoForget: (taught: number) => `Also forget what ${taught === 1 ? "it" : "they"} taught`,
};
