/** What a user does to pictures and tags: each is one step, in words. */

import type { PictureId, TagId } from "../api";
import { shareMissed } from "../decide/judge";
import {
  addTag,
  type Label,
  LessonError,
  type Lessons,
  learn,
  mergeTags,
  type Picture,
  removeTag,
  renameTag,
  resetTag,
  setTags,
  vocabulary,
} from "../lessons/lessons";
import { type Kept, NOTHING, withLessons } from "./kept";
import { change, type Session } from "./session";
import { scored } from "./suggestions";
import { judgement } from "./views";

/** Makes these the tags of a picture; names become new tags. */
export async function confirm(session: Session, id: PictureId, tags: readonly TagId[], names: readonly string[]) {
  const [lessons, all] = named(session, tags, names);
  const next = setTags(lessons, session.bundle.labels, id, await lesson(session, id, all));
  const what = all.length
    ? `Learned ${listed(wordsOf(session, lessons), ...all)} from ${name(session, id)}`
    : `Forgot ${name(session, id)}`;
  await change(session, what, withLessons(session.kept, next));
}

/** Notes that no tag fits a picture. */
export async function dismiss(session: Session, id: PictureId) {
  const { kept } = session;
  if (kept.lessons.has(id)) throw new LessonError("This picture was taught: take its tags off first.");
  await change(session, `No tag fits ${name(session, id)}`, { ...kept, dismissed: new Set([...kept.dismissed, id]) });
}

/** Adds tags to pictures; names become new tags. */
export async function teach(
  session: Session,
  ids: readonly PictureId[],
  tags: readonly TagId[],
  names: readonly string[],
) {
  const [lessons, all] = named(session, tags, names);
  if (all.length === 0) throw new LessonError("Choose at least one tag to teach.");
  let next = lessons;
  for (const id of ids) next = learn(next, id, await lesson(session, id, all));
  const from = ids.length === 1 ? name(session, ids[0] as string) : `${ids.length} pictures`;
  await change(
    session,
    `Learned ${listed(wordsOf(session, lessons), ...all)} from ${from}`,
    withLessons(session.kept, next),
  );
}

/** Takes pictures out of the app, and what they taught where `forgetting`. */
export async function remove(session: Session, ids: readonly PictureId[], forgetting: boolean) {
  const hidden = new Set([...session.kept.hidden, ...ids]);
  const lessons = new Map(session.kept.lessons);
  if (forgetting) for (const id of ids) lessons.delete(id);
  const what = ids.length === 1 ? `Removed ${name(session, ids[0] as string)}` : `Removed ${ids.length} pictures`;
  await change(session, what, { ...session.kept, hidden, lessons });
}

/** Adds a tag; returns its id. */
export async function add(session: Session, text: string): Promise<TagId> {
  const [lessons, id] = addTag(session.lessons, session.bundle.labels, text);
  await change(session, `Added the tag ${listed(wordsOf(session, lessons), id)}`, withLessons(session.kept, lessons));
  return id;
}

export async function rename(session: Session, tag: TagId, text: string) {
  const lessons = renameTag(session.lessons, session.bundle.labels, tag, text);
  const [before, after] = [session.vocabulary, wordsOf(session, lessons)].map((words) => listed(words, tag));
  if (before === after) return;
  await change(session, `Renamed ${before} to ${after}`, withLessons(session.kept, lessons));
}

export async function merge(session: Session, tag: TagId, into: TagId) {
  const [one, other] = [tag, into].map((id) => listed(session.vocabulary, id));
  await change(
    session,
    `Merged ${one} into ${other}`,
    withLessons(session.kept, mergeTags(session.lessons, tag, into)),
  );
}

export async function removeOne(session: Session, tag: TagId) {
  const what = `Deleted the tag ${listed(session.vocabulary, tag)}`;
  await change(session, what, withLessons(session.kept, removeTag(session.lessons, tag)));
}

export async function reset(session: Session, tag: TagId) {
  const what = `Reset the tag ${listed(session.vocabulary, tag)}`;
  await change(session, what, withLessons(session.kept, resetTag(session.lessons, session.bundle.labels, tag)));
}

/** Forgets all lessons, changes of tags, and which pictures no tag fits; pictures stay. */
export async function resetAll(session: Session) {
  const next: Kept = { ...NOTHING, hidden: session.kept.hidden };
  await change(session, "Reset everything that was taught", next);
}

/** Returns lessons with tags of these names added, and the ids of all tags; a name that a tag has means that tag. */
function named(session: Session, tags: readonly TagId[], names: readonly string[]): [Lessons, TagId[]] {
  let { lessons } = session;
  const all = [...tags];
  for (const text of names) {
    const [next, id] = addTag(lessons, session.bundle.labels, text);
    lessons = next;
    all.push(id);
  }
  return [lessons, [...new Set(all)]];
}

async function lesson(session: Session, id: PictureId, tags: readonly TagId[]): Promise<Picture> {
  const scores = await scored(session, id);
  const picture = session.pictures.get(id);
  if (!picture || !scores) throw new LessonError("This picture is not here any more.");
  const ids = [...session.rows.byTag.keys()];
  const { member } = judgement(session, scores, true);
  const missed = shareMissed(
    member,
    session.counts,
    tags.map((tag) => ids.indexOf(tag)),
  );
  return { embedding: picture.embedding, space: picture.space, tags, missed };
}

function name(session: Session, id: PictureId): string {
  return session.pictures.get(id)?.name ?? "a picture";
}

function listed(words: ReadonlyMap<TagId, Label>, ...ids: readonly TagId[]): string {
  return ids.map((id) => words.get(id)?.name ?? id).join(", ");
}

/** Returns the tags as they will be. */
function wordsOf({ bundle }: Session, lessons: Lessons): ReadonlyMap<TagId, Label> {
  return vocabulary(bundle.labels, lessons);
}
