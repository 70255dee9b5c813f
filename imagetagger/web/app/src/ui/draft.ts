import type { PictureView, TagId, TagView } from "../api";
import { normaliseName } from "../lessons/names";
import { named } from "./filter";

/** What the user is about to say of one picture, before it is learned. */
export interface Draft {
  kept: readonly TagId[];
  /** Struck out; those that the tagger did not suggest stay in sight, to be taken back. */
  removed: readonly TagId[];
  /** Names that become tags. */
  fresh: readonly string[];
}

/** The difference between a draft and what the picture's tags are. */
export interface Difference {
  learn: readonly TagId[];
  fresh: readonly string[];
  forget: readonly TagId[];
}

/** A suggestion above this probability starts as kept. */
const LIKELY = 0.5;

/** What the user said that it shows; before that, what the tagger holds for more probable than not. */
export function initial(picture: PictureView): Draft {
  const likely = picture.unknown ? [] : picture.suggested.filter((s) => s.probability > LIKELY).map((s) => s.tag);
  return { kept: picture.confirmed ? picture.tags : likely, removed: [], fresh: [] };
}

/** The draft with a tag kept. */
export function add(draft: Draft, tag: TagId): Draft {
  if (draft.kept.includes(tag)) return draft;
  return { ...draft, kept: [...draft.kept, tag], removed: draft.removed.filter((other) => other !== tag) };
}

/** The draft with a tag struck out. */
export function remove(draft: Draft, tag: TagId): Draft {
  if (!draft.kept.includes(tag)) return draft;
  return { ...draft, kept: draft.kept.filter((other) => other !== tag), removed: [...draft.removed, tag] };
}

/** The draft with a new name; the same name twice, in whatever case, is one. */
export function addName(draft: Draft, name: string): Draft {
  const taken = draft.fresh.some((other) => other.toLowerCase() === name.toLowerCase());
  return taken ? draft : { ...draft, fresh: [...draft.fresh, name] };
}

/** The draft with what stands in a field but was not picked: the tag of this very name or synonym, else a new name. */
export function addTyped(draft: Draft, text: string, tags: Iterable<TagView>): Draft {
  const name = normaliseName(text);
  if (name === "") return draft;
  const tag = named(tags, name);
  return tag === undefined ? addName(draft, name) : add(draft, tag.id);
}

/** The draft without a new name. */
export function removeName(draft: Draft, name: string): Draft {
  return { ...draft, fresh: draft.fresh.filter((other) => other !== name) };
}

/** The draft without tags that are no more, as after a merge or a removal. */
export function prune(draft: Draft, exists: (tag: TagId) => boolean): Draft {
  return { ...draft, kept: draft.kept.filter(exists), removed: draft.removed.filter(exists) };
}

/** Tags that can be taken: suggested ones that are not kept, then those struck out that nobody suggests. */
export function perhaps(picture: PictureView, draft: Draft): TagId[] {
  const suggested = picture.suggested.map((s) => s.tag).filter((tag) => !draft.kept.includes(tag));
  return [...suggested, ...draft.removed.filter((tag) => !suggested.includes(tag))];
}

/** What confirming would learn and forget. */
export function difference(picture: PictureView, draft: Draft): Difference {
  return {
    learn: draft.kept.filter((tag) => !picture.tags.includes(tag)),
    fresh: draft.fresh,
    forget: picture.tags.filter((tag) => !draft.kept.includes(tag)),
  };
}

/** Whether confirming would change nothing. */
export function isNothing({ learn, fresh, forget }: Difference): boolean {
  return learn.length + fresh.length + forget.length === 0;
}
