import type { PictureId, PictureView, TagId, TagView } from "../api";
import { normaliseName } from "../lessons/names";

/** The state of the pictures to show. */
export type Show = "all" | "open" | "confirmed" | "unknown";

/** What the gallery shows: by state, and by a tag or by text in the names of tags. */
export interface Filter {
  show: Show;
  text: string;
  tag: TagId | null;
}

/** Every picture. */
export const EVERYTHING: Filter = { show: "all", text: "", tag: null };

/** Whether pictures that were just added pass the filter. */
export function showsNew({ show, text, tag }: Filter): boolean {
  return tag === null && text === "" && (show === "all" || show === "open");
}

const SHOWN: Record<Show, (picture: PictureView) => boolean> = {
  all: () => true,
  open: (picture) => !picture.confirmed,
  confirmed: (picture) => picture.confirmed,
  unknown: (picture) => picture.unknown && !picture.confirmed,
};

/** Text as it is compared: without case, accents and compatibility forms. */
export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim().replace(/\s+/g, " ");
}

/** The confirmed tags of a picture, or before that the suggested ones. */
export function shownTags(picture: PictureView): readonly TagId[] {
  return picture.confirmed ? picture.tags : picture.suggested.map((s) => s.tag);
}

/** How well a tag matches folded text: 0 name begins with it, 1 a synonym does, 2 inside one of them, 3 not at all. */
export function closeness(tag: TagView, text: string): number {
  const name = fold(tag.name);
  const synonyms = tag.synonyms.map(fold);
  if (name.startsWith(text)) return 0;
  if (synonyms.some((s) => s.startsWith(text))) return 1;
  return name.includes(text) || synonyms.some((s) => s.includes(text)) ? 2 : 3;
}

/** Tags by the user's pictures, then by name. */
export function byUse(a: TagView, b: TagView): number {
  return b.taught - a.taught || a.name.localeCompare(b.name);
}

/** At most `limit` tags that match the text, the closest first; without text those that the user taught. */
export function complete(tags: Iterable<TagView>, text: string, limit = 8): TagView[] {
  const query = fold(text);
  if (query === "")
    return [...tags]
      .filter((tag) => tag.taught > 0)
      .sort(byUse)
      .slice(0, limit);
  return [...tags]
    .map((tag) => ({ tag, close: closeness(tag, query) }))
    .filter(({ close }) => close < 3)
    .sort((a, b) => a.close - b.close || byUse(a.tag, b.tag))
    .slice(0, limit)
    .map(({ tag }) => tag);
}

/** The tag of this name or synonym, whatever the case; a name goes before a synonym. */
export function findTag(tags: Iterable<TagView>, text: string): TagView | undefined {
  const name = plain(text);
  const all = [...tags];
  return all.find((tag) => plain(tag.name) === name) ?? all.find((tag) => tag.synonyms.some((s) => plain(s) === name));
}

/** The number of pictures of each state. */
export function counts(pictures: Iterable<PictureView>): Record<Show, number> {
  const all = [...pictures];
  const count = (show: Show) => all.filter(SHOWN[show]).length;
  return { all: all.length, open: count("open"), confirmed: count("confirmed"), unknown: count("unknown") };
}

/** The ids, in order, of the pictures that pass the filter; `always`, as the picture on the page, passes too. */
export function visible(
  order: readonly PictureId[],
  pictures: ReadonlyMap<PictureId, PictureView>,
  tags: ReadonlyMap<TagId, TagView>,
  filter: Filter,
  always?: PictureId,
): PictureId[] {
  const matching = matchingTags(tags, filter);
  return order.filter((id) => {
    const picture = pictures.get(id);
    if (picture === undefined) return false;
    return (
      id === always ||
      (SHOWN[filter.show](picture) && (matching === null || shownTags(picture).some((t) => matching.has(t))))
    );
  });
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

function matchingTags(tags: ReadonlyMap<TagId, TagView>, filter: Filter): ReadonlySet<TagId> | null {
  if (filter.tag !== null) return new Set([filter.tag]);
  const text = fold(filter.text);
  if (text === "") return null;
  return new Set([...tags.values()].filter((tag) => closeness(tag, text) < 3).map((tag) => tag.id));
}

function plain(text: string): string {
  return normaliseName(text).toLowerCase();
}
