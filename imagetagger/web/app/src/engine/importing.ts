/** Lessons of another device, or of Python, merged with those of this one. */

import type { Imported, PictureId } from "../api";
import type { Act } from "../format/acts";
import { loadLessons } from "../lessons/lesson_file";
import { adoptLessons, LessonError, mergeLessons, type TaughtPicture, vocabulary } from "../lessons/lessons";
import { readSquare } from "../pixels/decode";
import { BadImageError } from "../pixels/sniff";
import type { Changes } from "./database";
import { embedImage } from "./executor";
import type { Session } from "./session";
import { change } from "./steps";
import { withLessons } from "./user_state";
import { latestTime } from "./views";

/** A picture that is not here yet, as it is stored. */
type NewPicture = NonNullable<Changes["pictures"]>[number];

/**
 * Adds lessons: every picture once, with the tags of both. Pictures of another embedding space are embedded again.
 *
 * @throws LessonError where the file is something else or damaged; then nothing changes.
 */
export async function importLessons(session: Session, file: Blob): Promise<Imported> {
  const { lessons, names, crops } = await loadLessons(file);
  const { labels, terms } = session.bundle;
  const adopted = adoptLessons(lessons, labels, names, terms);
  const pictures = new Map<PictureId, TaughtPicture>();
  const newPictures: NewPicture[] = [];
  const time = latestTime(session) + 1;
  try {
    for (const [id, picture] of adopted.pictures) {
      session.listen({ progress: { kind: "importing", done: pictures.size, total: adopted.pictures.size } });
      const known = session.pictures.get(id);
      const stored = known ?? (await read(session, id, picture, crops, time + newPictures.length));
      pictures.set(id, { ...picture, embedding: stored.embedding, space: stored.space });
      if (!known) newPictures.push({ picture: stored, square: png(crops, id) });
    }
  } finally {
    session.listen({ progress: null });
  }
  const merged = mergeLessons(session.lessons, { pictures, edits: adopted.edits });
  const tags = [...vocabulary(labels, merged, terms).keys()].filter((tag) => !session.vocabulary.has(tag)).length;
  const stillHidden = new Set([...session.state.hidden].filter((id) => !pictures.has(id)));
  const next = withLessons({ ...session.state, hidden: stillHidden }, merged);
  const hiddenByUndo = new Set([...session.state.hidden, ...newPictures.map(({ picture }) => picture.id)]);
  const what: Act = { kind: "imported", pictures: { count: pictures.size, name: null } };
  const taught = [...pictures.keys()].filter((id) => merged.pictures.get(id) !== session.lessons.pictures.get(id));
  await change(session, what, next, { pictures: newPictures }, { ...session.state, hidden: hiddenByUndo });
  return { pictures: taught.length, tags };
}

/** Returns a picture of lessons as it is stored; its square must be readable. */
async function read(
  session: Session,
  id: PictureId,
  picture: TaughtPicture,
  crops: ReadonlyMap<PictureId, Uint8Array<ArrayBuffer>>,
  added: number,
): Promise<NewPicture["picture"]> {
  const { image, embedding_space: space, model } = session.bundle.manifest;
  const name = id.slice(0, 8);
  const { width, height, square } = await readSquare(png(crops, id), image.size, image.pixel_limit).catch((error) => {
    if (!(error instanceof BadImageError)) throw error;
    throw new LessonError({ kind: "unusableFile", why: `the square of picture ${name} is damaged (${error.message})` });
  });
  const isSameSpace = picture.space === space;
  if (isSameSpace && picture.embedding.length !== model.features)
    throw new LessonError({
      kind: "unusableFile",
      why: `picture ${name} has ${picture.embedding.length} features, expected ${model.features}`,
    });
  const embedding = isSameSpace
    ? picture.embedding
    : await session.computing((executor) => embedImage(executor, square));
  return { id, name, folder: "", added, taken: null, width, height, embedding, space };
}

function png(crops: ReadonlyMap<PictureId, Uint8Array<ArrayBuffer>>, id: PictureId): Blob {
  return new Blob([crops.get(id) as Uint8Array<ArrayBuffer>], { type: "image/png" });
}
