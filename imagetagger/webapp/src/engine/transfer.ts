/** Lessons in and out of the app, as the file that `Tagger.load` reads, and tags for other programs. */

import type { Imported, PictureId, PictureView } from "../api";
import { pack, unpack } from "../lessons/lesson_file";
import { adopt, LessonError, type Picture, taughtNames, union, vocabulary } from "../lessons/lessons";
import { tagTable } from "../lessons/table";
import { readPicture } from "../pixels/decode";
import type { Writing } from "./database";
import { embed } from "./executor";
import { withLessons } from "./kept";
import { change, type Session } from "./session";
import { scored } from "./suggestions";
import { latestTime, pictureView, shown, tagViews } from "./views";

/** Returns what was taught as a .zip, squares of the pictures included. */
export async function exportLessons({ db, bundle, lessons }: Session): Promise<Blob> {
  if (lessons.pictures.size === 0 && lessons.edits.names.size === 0)
    throw new LessonError("There are no lessons yet: teach a picture, and export then.");
  const square = async (id: PictureId) => {
    const blob = await db.get("squares", id);
    if (!blob) throw new LessonError(`The picture ${id} lost its pixels: forget it, and export again.`);
    return new Uint8Array(await blob.arrayBuffer());
  };
  return pack(lessons, taughtNames(bundle.labels, lessons), square);
}

/**
 * Adds somebody's lessons: every picture once, with the tags of both. Pictures of another bundle are embedded anew.
 *
 * @throws LessonError where the file is something else or damaged; nothing changed then.
 */
export async function importLessons(session: Session, file: Blob): Promise<Imported> {
  const { lessons, names, crops } = await unpack(file);
  const { manifest, labels } = session.bundle;
  const adopted = adopt(lessons, labels, names);
  const added = latestTime(session) + 1;
  const pictures = new Map<PictureId, Picture>();
  const fresh: NonNullable<Writing["pictures"]>[number][] = [];
  for (const [id, picture] of adopted.pictures) {
    const blob = new Blob([crops.get(id) as Uint8Array<ArrayBuffer>], { type: "image/png" });
    const { width, height, square } = await readPicture(blob, manifest.image.size, manifest.image.pixel_limit).catch(
      (error) => {
        throw new LessonError(
          `These lessons cannot be used: the square of picture ${id.slice(0, 8)} is damaged (${error.message}).`,
        );
      },
    );
    const space = manifest.embedding_space;
    if (picture.space === space && picture.embedding.length !== manifest.model.features)
      throw new LessonError(
        `These lessons are damaged: picture ${id.slice(0, 8)} has ${picture.embedding.length} features.`,
      );
    const same = picture.space === space;
    const embedding = same ? picture.embedding : await session.computing(() => embed(session.executor, square));
    pictures.set(id, { ...picture, embedding, space });
    const stored = { id, name: id.slice(0, 8), added: added + fresh.length, width, height, embedding, space };
    if (!session.pictures.has(id)) fresh.push({ picture: stored, square: blob });
  }
  const united = union(session.lessons, { pictures, edits: adopted.edits });
  const known = new Set(session.vocabulary.keys());
  const tags = [...vocabulary(labels, united).keys()].filter((tag) => !known.has(tag)).length;
  const next = withLessons({ ...session.kept, hidden: without(session.kept.hidden, pictures.keys()) }, united);
  const from = {
    ...session.kept,
    hidden: new Set([...session.kept.hidden, ...fresh.map(({ picture }) => picture.id)]),
  };
  const what = `Imported lessons of ${pictures.size} ${pictures.size === 1 ? "picture" : "pictures"}`;
  await change(session, what, next, { pictures: fresh }, from);
  return { pictures: fresh.length, tags };
}

/** Returns the tags of all pictures, for spreadsheets or programs. */
export async function exportTags(session: Session, format: "csv" | "json"): Promise<Blob> {
  const ids = shown(session);
  for (const id of ids) await scored(session, id);
  const pictures = ids.map((id) => pictureView(session, id)).filter((view): view is PictureView => view !== undefined);
  const type = { csv: "text/csv", json: "application/json" }[format];
  return new Blob([tagTable(pictures, tagViews(session), format)], { type });
}

function without(hidden: ReadonlySet<PictureId>, ids: Iterable<PictureId>): ReadonlySet<PictureId> {
  const left = new Set(hidden);
  for (const id of ids) left.delete(id);
  return left;
}
