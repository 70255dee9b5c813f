import type { PictureId, PictureView, TagId, TagView, TermView } from "../api";
import { normaliseName } from "../lessons/names";
import { closeness, fold, matchingTags, tagsBelow, type Vocabulary } from "./search";

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

/** The confirmed tags of a picture, or before that the suggested ones. */
export function shownTags(picture: PictureView): readonly TagId[] {
  return picture.confirmed ? picture.tags : picture.suggested.map((s) => s.tag);
}

/** Tags by the user's pictures, then by name. */
export function byUse(a: TagView, b: TagView): number {
  return b.taught - a.taught || a.name.localeCompare(b.name);
}

/** At most `limit` visible tags that match the text, the closest first; without text those that the user taught. */
export function complete(tags: Iterable<TagView>, text: string, limit = 8): TagView[] {
  const query = fold(text);
  if (query === "")
    return [...tags]
      .filter((tag) => tag.taught > 0 && !tag.hidden)
      .sort(byUse)
      .slice(0, limit);
  return [...tags]
    .filter((tag) => !tag.hidden)
    .map((tag) => ({ tag, close: closeness(tag, query) }))
    .filter(({ close }) => close < 3)
    .sort((a, b) => a.close - b.close || byUse(a.tag, b.tag))
    .slice(0, limit)
    .map(({ tag }) => tag);
}

/** The tag, or term, of this name or synonym, whatever the case; a name goes before a synonym. */
export function findTag<T extends TagView | TermView>(tags: Iterable<T>, text: string): T | undefined {
  const name = plain(text);
  const all = [...tags];
  return all.find((tag) => plain(tag.name) === name) ?? all.find((tag) => tag.synonyms.some((s) => plain(s) === name));
}

/** The tag that a text names: by its name, a synonym, or those of the broader term that it is. */
export function knownTag(
  tags: Iterable<TagView>,
  terms: ReadonlyMap<TagId, TermView> | undefined,
  text: string,
): TagView | undefined {
  const all = [...tags];
  const term = terms && findTag(terms.values(), text);
  return findTag(all, text) ?? all.find((tag) => tag.id === term?.id);
}

/** The number of pictures of each state. */
export function counts(pictures: Iterable<PictureView>): Record<Show, number> {
  const all = [...pictures];
  const count = (show: Show) => all.filter(SHOWN[show]).length;
  return { all: all.length, open: count("open"), confirmed: count("confirmed"), unknown: count("unknown") };
}

interface Pictures {
  order: readonly PictureId[];
  pictures: ReadonlyMap<PictureId, PictureView>;
}

/** The ids, in order, of the pictures that pass the filter; `always`, as the picture on the page, passes too. */
export function visible(
  { order, pictures, ...vocabulary }: Pictures & Vocabulary,
  filter: Filter,
  always?: PictureId,
): PictureId[] {
  const matching = wantedTags(vocabulary, filter);
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

function wantedTags(vocabulary: Vocabulary, { tag, text }: Filter): ReadonlySet<TagId> | null {
  return tag === null ? matchingTags(vocabulary, text) : new Set([tag, ...tagsBelow(vocabulary, tag)]);
}

function plain(text: string): string {
  return normaliseName(text).toLowerCase();
}
