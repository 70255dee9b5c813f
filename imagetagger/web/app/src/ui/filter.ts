import type { PictureId, PictureView, TagId } from "../api";

/** The state of the pictures to show. */
export type Show = "all" | "open" | "confirmed" | "unknown";

/** The order of pictures: the newest here, the latest taken, by folder and name, the least certain, or unknown ones first. */
export type Order = "added" | "taken" | "name" | "doubt" | "unknown";

/** What the gallery shows: by state, and by a tag, or by text that begins words of tags or file names. */
export interface Filter {
  show: Show;
  text: string;
  tag: TagId | null;
  order: Order;
}

/** Every picture. */
export const EVERYTHING: Filter = { show: "all", text: "", tag: null, order: "added" };

/** Whether pictures that were just added do not pass the filter, or may not. */
export function hidesNew({ show, text, tag }: Filter): boolean {
  return tag !== null || text !== "" || show === "confirmed" || show === "unknown";
}

/** Whether pictures that were just added come first. */
export function showsNew({ show, text, tag, order }: Filter): boolean {
  return tag === null && text === "" && show === "all" && order === "added";
}

/** Whether a picture is in a state. */
export const SHOWN: Record<Show, (picture: PictureView) => boolean> = {
  all: () => true,
  open: (picture) => !picture.confirmed,
  confirmed: (picture) => picture.confirmed,
  unknown: (picture) => picture.unknown && !picture.confirmed,
};

/** The number of pictures of each state. */
export function counts(pictures: Iterable<PictureView>): Record<Show, number> {
  const all = [...pictures];
  const count = (show: Show) => all.filter(SHOWN[show]).length;
  return { all: all.length, open: count("open"), confirmed: count("confirmed"), unknown: count("unknown") };
}

/** Ids in the order that they had before, then new ones; the current one stays even if it is not among them. */
export function steadyOrder(
  before: readonly PictureId[],
  ids: readonly PictureId[],
  current: PictureId,
): readonly PictureId[] {
  const now = new Set([...ids, current]);
  const kept = before.filter((id) => now.has(id));
  const known = new Set(kept);
  return [...kept, ...[...now].filter((id) => !known.has(id))];
}

/** The pictures before and after this one, in the order shown. */
export function neighbours(ids: readonly PictureId[], id: PictureId): { before?: PictureId; after?: PictureId } {
  const at = ids.indexOf(id);
  const [before, after] = at < 0 ? [undefined, undefined] : [ids[at - 1], ids[at + 1]];
  return { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

/** The next picture to confirm after this one, then from the start; undefined without one. */
export function nextOpen(
  ids: readonly PictureId[],
  pictures: ReadonlyMap<PictureId, PictureView>,
  id: PictureId,
): PictureId | undefined {
  const at = ids.indexOf(id);
  return [...ids.slice(at + 1), ...ids.slice(0, Math.max(at, 0))].find((other) => {
    const picture = pictures.get(other);
    return picture !== undefined && SHOWN.open(picture);
  });
}
