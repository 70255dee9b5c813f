import type { PictureView, TagId } from "../api";
import { normaliseName } from "../lessons/names";
import { findTag, knownTag } from "./filter";
import type { Vocabulary } from "./search";

/** The tags that the user is choosing for a picture, before they are learned. */
export interface Draft {
  tags: readonly TagId[];
  /** Tags that the user removed: they stay in sight, to be added back. */
  removed: readonly TagId[];
  /** Names that become tags. */
  newNames: readonly string[];
}

/** The difference between a draft and the picture's tags. */
export interface Difference {
  learn: readonly TagId[];
  newNames: readonly string[];
  forget: readonly TagId[];
}

/** A suggestion above this probability is in the draft at first. */
const LIKELY = 0.5;

/** The tags that the user confirmed; before that, the likely suggestions. */
export function initialDraft(picture: PictureView): Draft {
  const likely = picture.unknown ? [] : picture.suggested.filter((s) => s.probability > LIKELY).map((s) => s.tag);
  return { tags: picture.confirmed ? picture.tags : likely, removed: [], newNames: [] };
}

/** The draft with a tag added. */
export function add(draft: Draft, tag: TagId): Draft {
  if (draft.tags.includes(tag)) return draft;
  return { ...draft, tags: [...draft.tags, tag], removed: draft.removed.filter((other) => other !== tag) };
}

/** The draft with a tag removed. */
export function remove(draft: Draft, tag: TagId): Draft {
  if (!draft.tags.includes(tag)) return draft;
  return { ...draft, tags: draft.tags.filter((other) => other !== tag), removed: [...draft.removed, tag] };
}

/** The draft with a new name; names that differ in case only are one. */
export function addName(draft: Draft, name: string): Draft {
  const taken = draft.newNames.some((other) => other.toLowerCase() === name.toLowerCase());
  return taken ? draft : { ...draft, newNames: [...draft.newNames, name] };
}

/** The draft with the text of a field: the tag that it names, otherwise a new name. */
export function addTyped(draft: Draft, text: string, { tags, terms }: Vocabulary): Draft {
  const name = normaliseName(text);
  if (name === "") return draft;
  const tag = knownTag(tags.values(), terms, name);
  return tag === undefined ? addName(draft, findTag(terms.values(), name)?.name ?? name) : add(draft, tag.id);
}

/** The draft without a new name. */
export function removeName(draft: Draft, name: string): Draft {
  return { ...draft, newNames: draft.newNames.filter((other) => other !== name) };
}

/** The draft without tags that do not exist any more, as after a merge or a removal. */
export function prune(draft: Draft, exists: (tag: TagId) => boolean): Draft {
  return { ...draft, tags: draft.tags.filter(exists), removed: draft.removed.filter(exists) };
}

/** Tags to add: suggestions outside the draft, then removed tags that are not suggested. */
export function candidates(picture: PictureView, draft: Draft): TagId[] {
  const suggested = picture.suggested.map((s) => s.tag).filter((tag) => !draft.tags.includes(tag));
  return [...suggested, ...draft.removed.filter((tag) => !suggested.includes(tag))];
}

/** What confirming learns and forgets. */
export function difference(picture: PictureView, draft: Draft): Difference {
  return {
    learn: draft.tags.filter((tag) => !picture.tags.includes(tag)),
    newNames: draft.newNames,
    forget: picture.tags.filter((tag) => !draft.tags.includes(tag)),
  };
}

/** Whether confirming changes nothing. */
export function isNothing({ learn, newNames, forget }: Difference): boolean {
  return learn.length + newNames.length + forget.length === 0;
}
