/** Files in, pictures out: each is decoded, embedded and kept by itself, so that a cancelled or failed rest costs none. */

import type { Added, PictureId } from "../api";
import { messageOf } from "../files/json";
import { encodePng, type Picture, readPicture } from "../pixels/decode";
import { KeepError, write } from "./database";
import { embed } from "./executor";
import { change, type Session } from "./session";
import { scored } from "./suggestions";
import { latestTime, pictureView } from "./views";

/**
 * Adds pictures, the first with the latest time, so that it comes first among the newest.
 *
 * Memory holds two at most: the next is decoded while one is embedded.
 *
 * @param cancelled asked before each picture.
 */
export async function add(session: Session, files: readonly File[], cancelled: () => boolean): Promise<Added> {
  const result: Added = { added: [], again: [], refused: [], cancelled: false };
  const { size, pixel_limit } = session.bundle.manifest.image;
  const latest = latestTime(session);
  const read = (file: File) => settled(readPicture(file, size, pixel_limit));
  let next = files[0] && read(files[0]);
  const back = new Set<PictureId>();
  let full: Error | undefined;
  for (const [i, file] of files.entries()) {
    session.listen({ progress: { what: "Looking at pictures", done: i, total: files.length } });
    if (cancelled()) {
      result.cancelled = true;
      break;
    }
    try {
      const picture = full ?? (await next);
      const ahead = files[i + 1];
      next = ahead && !full ? read(ahead) : undefined;
      if (!picture || picture instanceof Error) throw picture;
      const { id } = picture;
      const is = result.added.includes(id) ? "here" : stateOf(session, id);
      if (is === "hidden") back.add(id);
      else if (is === "new") await addOne(session, file.name, picture, latest + files.length - i);
      else await complete(session, file.name, picture);
      result[is === "here" ? "again" : "added"].push(id);
    } catch (error) {
      if (error instanceof KeepError) full = error; // as it will be for those to come
      result.refused.push({ name: file.name, why: messageOf(error) });
    }
  }
  session.listen({ progress: null });
  await session
    .changing(() => settle(session, result.added, back))
    .catch((error) => {
      if (!(error instanceof KeepError)) throw error; // on a full device pictures are kept, and only undo is not
    });
  return result;
}

/** Waits for a picture, or for what is wrong with it. */
function settled(reading: Promise<Picture>): Promise<Picture | Error> {
  return reading.catch((error) => (error instanceof Error ? error : new Error(String(error))));
}

/** Makes what was added one step: undo puts these pictures away. `back` were taken out before, and are shown again. */
async function settle(session: Session, added: readonly PictureId[], back: ReadonlySet<PictureId>): Promise<void> {
  if (added.length === 0) return;
  const before = { ...session.kept, hidden: new Set([...session.kept.hidden, ...added]) };
  const hidden = new Set([...session.kept.hidden].filter((id) => !back.has(id)));
  const first = session.pictures.get(added[0] as PictureId);
  const what = added.length === 1 ? `Added ${first?.name}` : `Added ${added.length} pictures`;
  await change(session, what, { ...session.kept, hidden }, {}, before);
}

function stateOf(session: Session, id: PictureId): "new" | "hidden" | "here" {
  if (!session.pictures.has(id)) return "new";
  return session.kept.hidden.has(id) ? "hidden" : "here";
}

/** Embeds and keeps a new picture. */
async function addOne(session: Session, file: string, found: Picture, added: number): Promise<void> {
  const { id, width, height, square, preview } = found;
  const { image, embedding_space: space } = session.bundle.manifest;
  const embedding = await session.computing(() => embed(session.executor, square));
  const picture = { id, name: nameOf(file), added, width, height, embedding, space };
  await write(session.db, { pictures: [{ picture, square: await encodePng(square, image.size), preview }] });
  session.pictures.set(id, picture);
  await scored(session, id);
  tell(session, id);
}

/** Gives a picture that came with somebody's lessons, as a square, what its file has: a name and a preview. */
async function complete(session: Session, file: string, found: Picture): Promise<void> {
  const known = session.pictures.get(found.id);
  if (!known || (await session.db.getKey("previews", found.id)) !== undefined) return;
  const picture = { ...known, name: nameOf(file), width: found.width, height: found.height };
  await write(session.db, { pictures: [{ picture, preview: found.preview }] });
  session.pictures.set(found.id, picture);
  tell(session, found.id);
}

function tell(session: Session, id: PictureId): void {
  const view = pictureView(session, id);
  if (view) session.listen({ pictures: [view] });
}

function nameOf(file: string): string {
  return file.slice(0, 200);
}
