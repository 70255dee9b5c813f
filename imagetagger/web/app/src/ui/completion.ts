import type { TagId, TagView, TermView } from "../api";
import { normaliseName } from "../format/names";
import { closeness, fold } from "./search";

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

function plain(text: string): string {
  return normaliseName(text).toLowerCase();
}
