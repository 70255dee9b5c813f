import type { PictureId, TagView } from "../api";
import type { Draft } from "./draft";

/** A tag after its broader ones: ["animal", "bird", "goldfinch"]. */
export type Keyword = readonly string[];

/** A picture that wants a look; tags are places in the list of all. */
export interface Question {
  picture: PictureId;
  name: string;
  folder: string;
  /** The tag in question; null without a plausible one. */
  asked: number | null;
  /** Tags and their probabilities, the most probable first. */
  suggested: readonly (readonly [number, number])[];
}

/** What the server asks at first. */
export interface Questions {
  tags: readonly Keyword[];
  /** By the tag in question, the most useful first. */
  pictures: readonly Question[];
  /** Pictures that want a look after these. */
  more: number;
}

/** Tags that a picture has, and that it does not have. */
export interface Answer {
  picture: PictureId;
  confirmed: readonly Keyword[];
  rejected: readonly Keyword[];
  /** Whether the person saw it alone, with all suggestions. */
  looked?: boolean;
}

/** What became of answers: what there is to ask about stored ones now, and what went wrong, in English. */
export interface Answered {
  pictures: readonly Question[];
  problems: readonly { picture: PictureId; text: string }[];
}

/** Answers of one request: the first ones are stored, and shown, while the others wait. */
export const MOST_ANSWERS = 16;

/** A review; immutable. */
export interface Review {
  tags: readonly Keyword[];
  /** Those that are left, in order. */
  pictures: ReadonlyMap<PictureId, Question>;
  /** The tags in question, in the order of their groups. */
  order: readonly number[];
  /** Pictures that do not have the tag in question, as the user marked. */
  unticked: ReadonlySet<PictureId>;
  more: number;
}

/** Pictures with the same tag in question; null for those without one. */
export interface Group {
  tag: number | null;
  ids: readonly PictureId[];
}

/** The review at its beginning. */
export function begin({ tags, pictures, more }: Questions): Review {
  const asked = pictures.flatMap((question) => (question.asked === null ? [] : [question.asked]));
  return {
    tags,
    pictures: new Map(pictures.map((question) => [question.picture, question])),
    order: [...new Set(asked)],
    unticked: new Set(),
    more,
  };
}

/** The pictures by the tag in question, in steady order; those without one come last. */
export function groupsOf({ pictures, order }: Review): Group[] {
  const groups = new Map<number | null, PictureId[]>(order.map((tag) => [tag, []]));
  for (const { picture, asked } of pictures.values()) {
    if (asked === null) continue;
    const group = groups.get(asked);
    if (group) group.push(picture);
    else groups.set(asked, [picture]);
  }
  groups.set(
    null,
    [...pictures.values()].flatMap(({ picture, asked }) => (asked === null ? [picture] : [])),
  );
  return [...groups].map(([tag, ids]) => ({ tag, ids })).filter(({ ids }) => ids.length > 0);
}

/** The review with pictures ticked or not. */
export function withTicks(review: Review, ids: readonly PictureId[], isTicked: boolean): Review {
  const unticked = new Set(review.unticked);
  for (const id of ids) isTicked ? unticked.delete(id) : unticked.add(id);
  return { ...review, unticked };
}

/** The answers of one press: ticked pictures of a group have its tag, the others do not. */
export function answersOf({ tags, unticked }: Review, { tag, ids }: Group): Answer[] {
  const keyword = tag === null ? undefined : tags[tag];
  if (keyword === undefined) return [];
  return ids.map((picture) =>
    unticked.has(picture)
      ? { picture, confirmed: [], rejected: [keyword] }
      : { picture, confirmed: [keyword], rejected: [] },
  );
}

/** The tags of a picture as its screen shows them first: the one in question. */
export function firstDraft({ asked }: Question): Draft {
  return { tags: asked === null ? [] : [`${asked}`], guessed: [], removed: [], newNames: [] };
}

/** The answer of a picture's own screen: chosen tags, and removed ones; all suggestions are rejected without any. */
export function answerOf({ tags }: Review, { picture, suggested }: Question, draft: Draft): Answer {
  const keywords = (places: readonly (string | number)[]) => places.flatMap((place) => [tags[Number(place)] ?? []]);
  const confirmed = [...keywords(draft.tags), ...draft.newNames.map((name) => [name])];
  const rejected = confirmed.length > 0 ? draft.removed : [...draft.removed, ...suggested.map(([tag]) => `${tag}`)];
  return { picture, confirmed, rejected: keywords([...new Set(rejected)]) };
}

/**
 * The review after answers were stored: a picture is done with where a tag was confirmed and none is plausible any more.
 *
 * @param looked pictures whose own screens were answered: they are done with in any case.
 */
export function afterAnswers(
  review: Review,
  answers: readonly Answer[],
  { pictures }: Answered,
  looked: ReadonlySet<PictureId> = new Set(),
): Review {
  const left = new Map(review.pictures);
  const unticked = new Set(review.unticked);
  const hasTag = new Set(answers.flatMap(({ picture, confirmed }) => (confirmed.length > 0 ? [picture] : [])));
  for (const question of pictures) {
    const id = question.picture;
    unticked.delete(id);
    if (looked.has(id) || (question.asked === null && hasTag.has(id))) left.delete(id);
    else left.set(id, question); // in its place
  }
  return { ...review, pictures: left, unticked };
}

/** The tags as a field to choose them by name needs them. */
export function tagViews(tags: readonly Keyword[]): TagView[] {
  return tags.map((keyword, place) => ({
    id: `${place}`,
    name: keyword.at(-1) ?? "",
    synonyms: [],
    broader: [],
    pictures: null,
    taught: 0,
    original: null,
    changed: false,
    hidden: false,
  }));
}
