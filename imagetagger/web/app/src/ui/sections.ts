import type { PictureId, PictureView, TagId } from "../api";
import { byCertainty, match } from "./certainty";
import type { Draft } from "./draft";
import { type Filter, SHOWN } from "./filter";
import { inOrder, type OrderedPictures } from "./order";
import { proposalOf } from "./proposals";
import { beginsWord, fold, matchingTags, tagsBelow, type Vocabulary } from "./search";

/** Pictures that are shown together. */
export interface Section {
  /**
   * Plain pictures, also those that the tagger has not looked at yet; those of a search that are less certain; or, to be
   * confirmed, those whose tags are likely, those with a guess, and those to be looked at one by one: without a guess, or
   * with a draft.
   */
  kind: "plain" | "perhaps" | "likely" | "guess" | "open";
  /** The tags that pictures to confirm share; empty where each has its own. */
  tags: readonly TagId[];
  ids: readonly PictureId[];
}

/** The pictures, and the words to search them by. */
export type Pictures = OrderedPictures & Vocabulary;

/** Pictures with the same proposal have a section of their own if they are so many. */
const MIN_GROUP = 2;

/** The tags that pictures have in the editor, where the user changed them. */
type Drafts = ReadonlyMap<PictureId, Draft>;

/**
 * The pictures that pass the filter, in the order shown; sections are not empty.
 *
 * A search shows confirmed, then likely ones, the most probable first, then those that perhaps fit. Pictures to confirm
 * come by what is proposed, likely tags before guesses and the most frequent first: those of a tag are confirmed at once.
 */
export function sections(library: Pictures, filter: Filter, drafts: Drafts): Section[] {
  const shown = inOrder(library, filter.order)
    .filter((picture) => SHOWN[filter.show](picture))
    .map(({ id }) => id);
  const tags = wantedTags(library, filter);
  if (tags !== null) return found(library, shown, tags, fold(filter.text));
  if (filter.show === "open") return toConfirm(library, shown, drafts);
  return shown.length === 0 ? [] : [{ kind: "plain", tags: [], ids: shown }];
}

/** A name of a section, the same as long as it means the same pictures. */
export function sectionKey({ kind, tags }: Section): string {
  return [kind, ...tags].join("\n");
}

/** The sections in the order that they had before, then new ones: nothing moves away while it is looked at. */
export function steadySections(before: readonly string[], all: readonly Section[]): Section[] {
  const place = new Map(before.map((key, i) => [key, i]));
  const placeOf = (section: Section) => place.get(sectionKey(section)) ?? before.length;
  return all.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** The pictures that "all" means: of a search those that surely fit, if there are any. */
export function sureIds(all: readonly Section[]): PictureId[] {
  const sure = all.filter(({ kind }) => kind !== "perhaps");
  return (sure.length > 0 ? sure : all).flatMap(({ ids }) => ids);
}

/** The ids of the pictures of all sections, in order. */
export function visible(library: Pictures, filter: Filter, drafts: Drafts): PictureId[] {
  return sections(library, filter, drafts).flatMap(({ ids }) => ids);
}

function found(library: Pictures, ids: readonly PictureId[], tags: ReadonlySet<TagId>, text: string): Section[] {
  const matches = ids.flatMap((id) => {
    const picture = library.pictures.get(id) as PictureView;
    const fit = match(picture, tags, library.terms);
    const isNamed = text !== "" && beginsWord(fold(withoutExtension(picture.name)), text);
    if (fit === null) return isNamed ? [{ id, certainty: "likely" as const, probability: 0 }] : [];
    return [{ id, ...fit, certainty: isNamed && fit.certainty === "perhaps" ? "likely" : fit.certainty }];
  });
  matches.sort(byCertainty); // stable: equal ones keep their order
  const split = matches.findIndex(({ certainty }) => certainty === "perhaps");
  const sorted = matches.map(({ id }) => id);
  const [sure, unsure] = split < 0 ? [sorted, []] : [sorted.slice(0, split), sorted.slice(split)];
  return nonEmpty([
    { kind: "plain", tags: [], ids: sure },
    { kind: "perhaps", tags: [], ids: unsure },
  ]);
}

function toConfirm({ pictures }: Pictures, ids: readonly PictureId[], drafts: Drafts): Section[] {
  type Group = { kind: Section["kind"]; tags: readonly TagId[]; ids: PictureId[] };
  const groups = { likely: new Map<string, Group>(), guess: new Map<string, Group>() };
  const open: PictureId[] = [];
  const unseen: PictureId[] = [];
  for (const id of ids) {
    const picture = pictures.get(id) as PictureView;
    const proposal = proposalOf(picture, drafts.get(id));
    if (proposal === null) {
      (picture.predicted || drafts.has(id) ? open : unseen).push(id);
      continue;
    }
    const kind = proposal.certainty === "likely" ? "likely" : "guess";
    const key = proposal.tags.join("\n");
    const group = groups[kind].get(key);
    if (group) group.ids.push(id);
    else groups[kind].set(key, { kind, tags: proposal.tags, ids: [id] });
  }
  const grouped = (["likely", "guess"] as const).flatMap((kind) => {
    const all = [...groups[kind].values()];
    const alone = new Set(all.filter((group) => group.ids.length < MIN_GROUP).flatMap((group) => group.ids));
    const together = all.filter((group) => group.ids.length >= MIN_GROUP).sort((a, b) => b.ids.length - a.ids.length);
    return [...together, { kind, tags: [], ids: ids.filter((id) => alone.has(id)) }];
  });
  return nonEmpty([...grouped, { kind: "open", tags: [], ids: open }, { kind: "plain", tags: [], ids: unseen }]);
}

function withoutExtension(name: string): string {
  return name.replace(/\.[^.]*$/, "");
}

function nonEmpty(all: Section[]): Section[] {
  return all.filter(({ ids }) => ids.length > 0);
}

function wantedTags(vocabulary: Vocabulary, { tag, text }: Filter): ReadonlySet<TagId> | null {
  return tag === null ? matchingTags(vocabulary, text) : new Set([tag, ...tagsBelow(vocabulary, tag)]);
}
