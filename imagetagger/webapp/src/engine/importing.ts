/** Somebody's lessons, of another device or of Python, united with those of this one. */

import type { Imported, PictureId } from "../api";
import { unpack } from "../lessons/lesson_file";
import { adopt, LessonError, type Picture, union, vocabulary } from "../lessons/lessons";
import { readPicture } from "../pixels/decode";
import { BadImageError } from "../pixels/sniff";
import type { Writing } from "./database";
import { embed } from "./executor";
import { withLessons } from "./kept";
import { change, type Session } from "./session";
import { latestTime } from "./views";

/** A picture that is not here yet, as it is written. */
type Fresh = NonNullable<Writing["pictures"]>[number];

/**
 * Adds somebody's lessons: every picture once, with the tags of both. Pictures of another bundle are embedded anew.
 *
 * @throws LessonError where the file is something else or damaged; nothing changed then.
 */
export async function importLessons(session: Session, file: Blob): Promise<Imported> {
  const { lessons, names, crops } = await unpack(file);
  const { labels } = session.bundle;
  const adopted = adopt(lessons, labels, names);
  const pictures = new Map<PictureId, Picture>();
  const fresh: Fresh[] = [];
  const time = latestTime(session) + 1;
  try {
    for (const [id, picture] of adopted.pictures) {
      session.listen({ progress: { what: "Reading lessons", done: pictures.size, total: adopted.pictures.size } });
      const known = session.pictures.get(id);
      const one = known ?? (await read(session, id, picture, crops, time + fresh.length));
      pictures.set(id, { ...picture, embedding: one.embedding, space: one.space });
      if (!known) fresh.push({ picture: one, square: png(crops, id) });
    }
  } finally {
    session.listen({ progress: null });
  }
  const united = union(session.lessons, { pictures, edits: adopted.edits });
  const tags = [...vocabulary(labels, united).keys()].filter((tag) => !session.vocabulary.has(tag)).length;
  const shown = new Set([...session.kept.hidden].filter((id) => !pictures.has(id)));
  const next = withLessons({ ...session.kept, hidden: shown }, united);
  const away = new Set([...session.kept.hidden, ...fresh.map(({ picture }) => picture.id)]);
  const what = `Imported lessons of ${pictures.size} ${pictures.size === 1 ? "picture" : "pictures"}`;
  const taught = [...pictures.keys()].filter((id) => united.pictures.get(id) !== session.lessons.pictures.get(id));
  await change(session, what, next, { pictures: fresh }, { ...session.kept, hidden: away });
  return { pictures: taught.length, tags };
}

/** Returns a picture of lessons as it is kept, its square looked at. */
async function read(
  session: Session,
  id: PictureId,
  picture: Picture,
  crops: ReadonlyMap<PictureId, Uint8Array<ArrayBuffer>>,
  added: number,
): Promise<Fresh["picture"]> {
  const { image, embedding_space: space, model } = session.bundle.manifest;
  const name = id.slice(0, 8);
  const { width, height, square } = await readPicture(png(crops, id), image.size, image.pixel_limit).catch((error) => {
    if (!(error instanceof BadImageError)) throw error;
    throw new LessonError(`These lessons cannot be used: the square of picture ${name} is damaged (${error.message}).`);
  });
  const same = picture.space === space;
  if (same && picture.embedding.length !== model.features)
    throw new LessonError(`These lessons are damaged: picture ${name} has ${picture.embedding.length} features.`);
  const embedding = same ? picture.embedding : await session.computing(() => embed(session.executor, square));
  return { id, name, added, width, height, embedding, space };
}

function png(crops: ReadonlyMap<PictureId, Uint8Array<ArrayBuffer>>, id: PictureId): Blob {
  return new Blob([crops.get(id) as Uint8Array<ArrayBuffer>], { type: "image/png" });
}
