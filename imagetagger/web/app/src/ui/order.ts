import type { PictureId, PictureView } from "../api";
import { caption } from "./certainty";
import type { Order } from "./filter";

/** Pictures by id, and their order here. */
export interface OrderedPictures {
  /** The newest first. */
  order: readonly PictureId[];
  pictures: ReadonlyMap<PictureId, PictureView>;
}

/** The pictures in an order; where they are equal, the newest first. */
export function inOrder({ order, pictures }: OrderedPictures, by: Order): PictureView[] {
  const newest = order.flatMap((id) => pictures.get(id) ?? []);
  const compare = COMPARE[by];
  return compare === null ? newest : newest.sort(compare);
}

const NAMES = new Intl.Collator("en", { numeric: true });

const COMPARE: Record<Order, ((a: PictureView, b: PictureView) => number) | null> = {
  added: null,
  taken: (a, b) => (b.taken ?? "").localeCompare(a.taken ?? ""), // those without a time come last
  name: (a, b) => NAMES.compare(a.folder, b.folder) || NAMES.compare(a.name, b.name),
  doubt: (a, b) => certainty(a) - certainty(b),
  unknown: (a, b) => Number(isUnknown(b)) - Number(isUnknown(a)),
};

/** 2 for a confirmed picture, otherwise the probability of the best suggestion, 0 where nothing is suggested. */
function certainty(picture: PictureView): number {
  if (caption(picture).certainty === "confirmed") return 2;
  return isUnknown(picture) ? 0 : (picture.suggested[0]?.probability ?? 0);
}

function isUnknown({ confirmed, unknown }: PictureView): boolean {
  return unknown && !confirmed;
}
