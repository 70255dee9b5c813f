/** Files out: lessons, which `Tagger.load` reads, and tags for other programs. */

import type { PictureId } from "../api";
import { UserError } from "../format/problems";
import { saveLessons } from "../lessons/lesson_file";
import { taughtNames } from "../lessons/lessons";
import type { Session } from "./session";
import { writeSidecars } from "./sidecars";
import { scoresOf } from "./suggestions";
import { tagTable } from "./tag_table";
import { pictureView, shown, tagViews, termViews } from "./views";

/** Returns all lessons as a .zip, with the squares of their pictures. */
export async function exportLessons({ db, bundle, lessons, pictures }: Session): Promise<Blob> {
  const { names, merged, removed, hidden } = lessons.edits;
  if (lessons.pictures.size + names.size + merged.size + removed.size + hidden.size === 0)
    throw new UserError({ kind: "nothingTaught" });
  const square = async (id: PictureId) => {
    const blob = await db.get("squares", id);
    if (!blob) throw new UserError({ kind: "squareLost", picture: pictures.get(id)?.name ?? id });
    return new Uint8Array(await blob.arrayBuffer());
  };
  return saveLessons(lessons, taughtNames([...bundle.labels, ...bundle.terms], lessons), square);
}

/** Returns the tags of all pictures, for spreadsheets or programs; as XMP those of confirmed pictures, in a .zip. */
export async function exportTags(session: Session, format: "csv" | "json" | "xmp"): Promise<Blob> {
  const ids = shown(session);
  if (format !== "xmp") for (const id of ids) await scoresOf(session, id);
  const pictures = ids.flatMap((id) => pictureView(session, id) ?? []);
  if (format === "xmp") return writeSidecars(pictures, tagViews(session), termViews(session));
  const type = { csv: "text/csv", json: "application/json" }[format];
  return new Blob([tagTable(pictures, tagViews(session), format)], { type });
}
