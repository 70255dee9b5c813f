/** Files in, pictures out: each is decoded, embedded and kept by itself, so that a cancelled or failed rest costs none. */

import type { Added, PictureId } from "../api";
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
      const fresh =
        !result.added.includes(picture.id) && (await addOne(session, file.name, picture, latest + files.length - i));
      result[fresh ? "added" : "again"].push(picture.id);
    } catch (error) {
      if (error instanceof KeepError) full = error; // as it will be for those to come
      result.refused.push({ name: file.name, why: error instanceof Error ? error.message : String(error) });
    }
  }
  session.listen({ progress: null });
  await session
    .changing(() => settle(session, result.added))
    .catch((error) => {
      if (!(error instanceof KeepError)) throw error; // on a full device pictures are kept, and only undo is not
    });
  return result;
}

/** Waits for a picture, or for what is wrong with it. */
function settled(reading: Promise<Picture>): Promise<Picture | Error> {
  return reading.catch((error) => (error instanceof Error ? error : new Error(String(error))));
}

/** Makes what was added one step: undo puts these pictures away. */
async function settle(session: Session, added: readonly PictureId[]): Promise<void> {
  if (added.length === 0) return;
  const before = { ...session.kept, hidden: new Set([...session.kept.hidden, ...added]) };
  const hidden = new Set([...session.kept.hidden].filter((id) => !added.includes(id)));
  const first = session.pictures.get(added[0] as PictureId);
  const what = added.length === 1 ? `Added ${first?.name}` : `Added ${added.length} pictures`;
  await change(session, what, { ...session.kept, hidden }, {}, before);
}

/** Embeds and keeps a picture; returns whether it is new, or was taken out before. */
async function addOne(session: Session, name: string, found: Picture, added: number): Promise<boolean> {
  const { id, width, height, square, preview } = found;
  if (session.pictures.has(id)) return session.kept.hidden.has(id);
  const { image, embedding_space: space } = session.bundle.manifest;
  const embedding = await session.computing(() => embed(session.executor, square));
  const picture = { id, name: name.slice(0, 200), added, width, height, embedding, space };
  await write(session.db, { pictures: [{ picture, square: await encodePng(square, image.size), preview }] });
  session.pictures.set(id, picture);
  await scored(session, id);
  const view = pictureView(session, id);
  if (view) session.listen({ pictures: [view] });
  return true;
}
