/** What a user does to pictures and tags: each action is one step. */

import type { Confirmed, PictureId, TagId } from "../api";
import type { Act } from "../format/acts";
import type { Label } from "../format/labels";
import { termsAbove } from "../format/terms";
import {
  addTag,
  hideTags,
  LessonError,
  type Lessons,
  learn,
  mergeTags,
  removeTag,
  renameTag,
  resetTag,
  setTags,
  showTags,
  type TaughtPicture,
  vocabulary,
} from "../lessons/lessons";
import { missedShare } from "../prediction/predict";
import type { Session } from "./session";
import { change } from "./steps";
import { scoresOf } from "./suggestions";
import { INITIAL_STATE, type UserState, withLessons } from "./user_state";
import { predictionOf, stepPictures } from "./views";

/** Sets the tags of a picture; names become new tags. */
export async function confirm(session: Session, id: PictureId, tags: readonly TagId[], names: readonly string[]) {
  const [lessons, all] = withNewTags(session, tags, names);
  const next = setTags(lessons, session.bundle.labels, id, await lesson(session, id, all));
  const pictures = stepPictures(session, [id]);
  const what: Act = all.length
    ? { kind: "confirmed", tags: namesOf(session, lessons, all), pictures }
    : { kind: "untagged", pictures };
  await change(session, what, withLessons(session.state, next));
}

/** Notes that no tag fits pictures. */
export async function dismiss(session: Session, ids: readonly PictureId[]) {
  const { state } = session;
  if (ids.some((id) => state.lessons.has(id))) throw new LessonError({ kind: "stillTagged" });
  const dismissed = new Set([...state.dismissed, ...ids]);
  await change(session, { kind: "dismissed", pictures: stepPictures(session, ids) }, { ...state, dismissed });
}

/** Adds tags to pictures; names become new tags. */
export async function teach(
  session: Session,
  ids: readonly PictureId[],
  tags: readonly TagId[],
  names: readonly string[],
) {
  const [lessons, all] = withNewTags(session, tags, names);
  if (all.length === 0) throw new LessonError({ kind: "noTag" });
  let next = lessons;
  for (const id of ids) next = learn(next, id, await lesson(session, id, all));
  await change(
    session,
    { kind: "confirmed", tags: namesOf(session, lessons, all), pictures: stepPictures(session, ids) },
    withLessons(session.state, next),
  );
}

/** Sets the tags of pictures that the user looked at together, each its own; others do not have what was suggested. */
export async function confirmAll(session: Session, pictures: readonly Confirmed[], rejected: readonly Confirmed[]) {
  const [lessons, all] = withNewTags(
    session,
    pictures.flatMap(({ tags }) => tags),
    [],
  );
  let next = lessons;
  // They were chosen for being likely: that says nothing of how often tag sets miss.
  for (const { picture, tags } of pictures)
    next = setTags(next, session.bundle.labels, picture, { ...(await lesson(session, picture, tags)), missed: null });
  const ids = pictures.map(({ picture }) => picture);
  const names = all.length === 1 ? namesOf(session, lessons, all) : [];
  const what: Act = { kind: "confirmed", tags: names, pictures: stepPictures(session, ids) };
  const { state } = session;
  const more = rejected
    .filter(({ picture }) => session.pictures.has(picture))
    .map(({ picture, tags }) => [picture, [...new Set([...(state.rejected.get(picture) ?? []), ...tags])]] as const);
  await change(session, what, { ...withLessons(state, next), rejected: new Map([...state.rejected, ...more]) });
}

/** Removes pictures from the app, and their lessons where `forgetting`. */
export async function remove(session: Session, ids: readonly PictureId[], forgetting: boolean) {
  const hidden = new Set([...session.state.hidden, ...ids]);
  const lessons = new Map(session.state.lessons);
  if (forgetting) for (const id of ids) lessons.delete(id);
  const what: Act = { kind: "removed", pictures: stepPictures(session, ids) };
  await change(session, what, { ...session.state, hidden, lessons });
}

/** Adds a tag; returns its id. */
export async function add(session: Session, text: string): Promise<TagId> {
  const [lessons, id] = addTag(session.lessons, session.bundle.labels, text, session.bundle.terms);
  const what: Act = { kind: "tagAdded", tag: nameOf(wordsOf(session, lessons), id) };
  await change(session, what, withLessons(session.state, lessons));
  return id;
}

export async function rename(session: Session, tag: TagId, text: string) {
  const lessons = renameTag(session.lessons, session.bundle.labels, tag, text, session.bundle.terms);
  const [before, after] = [nameOf(session.vocabulary, tag), nameOf(wordsOf(session, lessons), tag)];
  if (before === after) return;
  await change(session, { kind: "tagRenamed", tag: before, name: after }, withLessons(session.state, lessons));
}

export async function merge(session: Session, tag: TagId, into: TagId) {
  const { vocabulary } = session;
  const what: Act = { kind: "tagMerged", tag: nameOf(vocabulary, tag), into: nameOf(vocabulary, into) };
  await change(session, what, withLessons(session.state, mergeTags(session.lessons, tag, into)));
}

/** Hides a tag; or shows it again, and all that is below a hidden term above it. */
export async function hide(session: Session, tag: TagId, isHidden: boolean) {
  const what: Act = { kind: isHidden ? "tagHidden" : "tagShown", tag: nameOf(session.vocabulary, tag) };
  const terms = new Map(session.bundle.terms.map((term) => [term.id, term]));
  const above = termsAbove(terms, [tag, ...(session.vocabulary.get(tag)?.broader ?? [])]);
  const next = isHidden ? hideTags(session.lessons, [tag]) : showTags(session.lessons, [tag, ...above]);
  await change(session, what, withLessons(session.state, next));
}

export async function removeOne(session: Session, tag: TagId) {
  const what: Act = { kind: "tagDeleted", tag: nameOf(session.vocabulary, tag) };
  await change(session, what, withLessons(session.state, removeTag(session.lessons, tag)));
}

export async function reset(session: Session, tag: TagId) {
  const what: Act = { kind: "tagReset", tag: nameOf(session.vocabulary, tag) };
  await change(session, what, withLessons(session.state, resetTag(session.lessons, session.bundle.labels, tag)));
}

/** Forgets all lessons, changes of tags, and which pictures no tag fits; pictures stay. */
export async function resetAll(session: Session) {
  const next: UserState = { ...INITIAL_STATE, hidden: session.state.hidden };
  await change(session, { kind: "allReset" }, next);
}

/** Returns lessons with tags of these names added, and the ids of all tags; the name of a tag means that tag. */
function withNewTags(session: Session, tags: readonly TagId[], names: readonly string[]): [Lessons, TagId[]] {
  let { lessons } = session;
  const { terms } = session.bundle;
  const all = [...tags];
  const taken = terms.filter(({ id }) => tags.includes(id) && !session.vocabulary.has(id)); // shown for hidden tags
  for (const { name } of taken) [lessons] = addTag(lessons, session.bundle.labels, name, terms);
  for (const text of names) {
    const [next, id] = addTag(lessons, session.bundle.labels, text, session.bundle.terms);
    lessons = next;
    all.push(id);
  }
  return [lessons, [...new Set(all)]];
}

async function lesson(session: Session, id: PictureId, tags: readonly TagId[]): Promise<TaughtPicture> {
  const scores = await scoresOf(session, id);
  const picture = session.pictures.get(id);
  if (!picture || !scores) throw new LessonError({ kind: "pictureRemoved" });
  const ids = [...session.rows.byTag.keys()];
  const { inSet } = predictionOf(session, scores, true);
  const missed = missedShare(
    inSet,
    session.counts,
    tags.map((tag) => ids.indexOf(tag)),
  );
  return { embedding: picture.embedding, space: picture.space, tags, missed };
}

function nameOf(words: ReadonlyMap<TagId, Label>, id: TagId): string {
  return words.get(id)?.name ?? id;
}

/** Returns the names of tags after a change. */
function namesOf(session: Session, lessons: Lessons, ids: readonly TagId[]): string[] {
  const words = wordsOf(session, lessons);
  return ids.map((id) => nameOf(words, id));
}

/** Returns the vocabulary after a change. */
function wordsOf({ bundle }: Session, lessons: Lessons): ReadonlyMap<TagId, Label> {
  return vocabulary(bundle.labels, lessons, bundle.terms);
}
