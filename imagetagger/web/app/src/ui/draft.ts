import type { PictureView, TagId } from "../api";
import { normaliseName } from "../format/names";
import { likelyTags } from "./certainty";
import { findTag, knownTag } from "./completion";
import type { Vocabulary } from "./search";

/** The tags that the user is choosing for a picture, before they are learned. */
export interface Draft {
  tags: readonly TagId[];
  /** Those of them that the tagger put there: once the user names a tag, they are no more than suggestions again. */
  guessed: readonly TagId[];
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

/** A draft without tags. */
export const NO_TAGS: Draft = { tags: [], guessed: [], removed: [], newNames: [] };

/** The tags that the user confirmed; before that, the likely suggestions but for rejected ones, which are struck. */
export function initialDraft(picture: PictureView): Draft {
  if (picture.confirmed) return { ...NO_TAGS, tags: picture.tags };
  const tags = likelyTags(picture);
  return { ...NO_TAGS, tags, guessed: tags, removed: picture.rejected };
}

/** The draft as the user goes on with tags of their own: guesses that were not chosen are taken back. */
export function withoutGuesses(draft: Draft): Draft {
  return { ...draft, tags: draft.tags.filter((tag) => !draft.guessed.includes(tag)), guessed: [] };
}

/** The draft with a tag added. */
export function add(draft: Draft, tag: TagId): Draft {
  if (draft.tags.includes(tag)) return draft;
  return { ...draft, tags: [...draft.tags, tag], removed: draft.removed.filter((other) => other !== tag) };
}

/** The draft with a tag removed. */
export function remove(draft: Draft, tag: TagId): Draft {
  if (!draft.tags.includes(tag)) return draft;
  const rest = prune(draft, (other) => other !== tag);
  return { ...rest, removed: [...draft.removed, tag] };
}

/** The draft with a new name; names that differ in case only are one. */
export function addName(draft: Draft, name: string): Draft {
  const taken = draft.newNames.some((other) => other.toLowerCase() === name.toLowerCase());
  return taken ? draft : { ...draft, newNames: [...draft.newNames, name] };
}

/** The draft with the text of a field, and without guesses: the tag that it names, otherwise a new name. */
export function addTyped(draft: Draft, text: string, { tags, terms }: Vocabulary): Draft {
  const name = normaliseName(text);
  if (name === "") return draft;
  const tag = knownTag(tags.values(), terms, name);
  const own = withoutGuesses(draft);
  return tag === undefined ? addName(own, findTag(terms.values(), name)?.name ?? name) : add(own, tag.id);
}

/** The draft without a new name. */
export function removeName(draft: Draft, name: string): Draft {
  return { ...draft, newNames: draft.newNames.filter((other) => other !== name) };
}

/** The draft without tags that do not exist any more, as after a merge or a removal. */
export function prune(draft: Draft, exists: (tag: TagId) => boolean): Draft {
  const { tags, guessed, removed, newNames } = draft;
  return { tags: tags.filter(exists), guessed: guessed.filter(exists), removed: removed.filter(exists), newNames };
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
