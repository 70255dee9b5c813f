import { format, pictures } from "./formats";

/** The page that asks about the pictures of an archive. */
export const review = {
  title: "Review",
  introduction: "Untick what is wrong, and confirm the rest. Each answer is stored beside its picture at once.",
  left: (count: number) => `${pictures(count)} to look at`,
  /** After the pictures of this review. */
  more: (count: number) => `${pictures(count)} more want a look after these: start the review again then.`,
  /** The heading of pictures that probably have a tag. */
  question: (name: string) => `${name}?`,
  /** The tags above one, the broadest first. */
  below: (names: readonly string[]) => names.join(" › "),
  /** Pictures without a plausible tag. */
  rest: "What do these show?",
  tickAll: "Tick all",
  untickAll: "Untick all",
  /** The button of a heading: what becomes of its pictures. */
  confirm: (ticked: number, all: number) => {
    if (ticked === 0) return all === 1 ? "Not right" : "None is right";
    if (ticked === all) return all === 1 ? "Confirm" : `Confirm all ${format.number(all)}`;
    return `Confirm ${format.number(ticked)} of ${format.number(all)}`;
  },
  storing: (done: number, total: number) => `Storing ${format.number(done)} of ${format.number(total)}`,
  stored: (count: number) => `${pictures(count)} stored`,
  /** What did not work with some pictures: of the first one, and how many others there are. */
  failed: (file: string, why: string, others: number) =>
    others === 0 ? `${file}: ${why}` : `${file}: ${why} (and ${format.number(others)} more)`,
  noneFits: "No tag fits",
  overview: "All pictures to look at",
  finished: "All looked at",
  finishedText:
    "Your answers are in the sidecars beside the pictures. Close this page, and press Ctrl-C in the terminal.",
};
