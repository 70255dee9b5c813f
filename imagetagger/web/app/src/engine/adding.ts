/** From files to pictures: each is decoded, embedded and stored by itself, so that a later failure costs no other. */

import type { Added, Incoming, PictureId, Unfinished } from "../api";
import { problemOf } from "../format/problems";
import { encodePng, type Picture, readPicture } from "../pixels/decode";
import { BadImageError } from "../pixels/sniff";
import { StorageError, type StoredPicture, write } from "./database";
import { embedImage } from "./executor";
import type { Session } from "./session";
import { change } from "./steps";
import { scoresOf } from "./suggestions";
import { latestTime, pictureView, stepPictures } from "./views";

/**
 * Adds pictures, the first one with the latest time, so that it comes first among the newest.
 *
 * Memory holds at most two: the next picture is decoded while the current one is embedded.
 *
 * @param isCancelled called before each picture.
 */
export async function add(session: Session, incoming: readonly Incoming[], isCancelled: () => boolean): Promise<Added> {
  const result: Added = { added: [], again: [], refused: [], left: [], cancelled: false };
  const { size, pixel_limit } = session.bundle.manifest.image;
  const latest = latestTime(session);
  const read = (file: File) => pictureOrError(readPicture(file, size, pixel_limit));
  let next = incoming[0] && read(incoming[0].file);
  const restored = new Set<PictureId>();
  let storageError: StorageError | undefined;
  const total = incoming.length;
  if (total > 1) await write(session.db, { unfinished: { left: total, total } }).catch(() => {}); // pictures may fit again
  for (const [i, { file, folder }] of incoming.entries()) {
    const unfinished = { left: total - i - 1, total };
    session.listen({ progress: { kind: "adding", done: i, total } });
    if (isCancelled()) {
      result.cancelled = true;
      for (let later = i; later < total; later++) result.left.push(later);
      break;
    }
    try {
      const picture = storageError ?? (await next);
      const following = incoming[i + 1]?.file;
      next = following && !storageError ? read(following) : undefined;
      if (!picture || picture instanceof Error) throw picture;
      const { id } = picture;
      const presence = result.added.includes(id) ? "present" : presenceOf(session, id);
      if (presence === "hidden") restored.add(id);
      else if (presence === "new")
        await addNew(session, { ...from(file, folder), added: latest + total - i }, picture, unfinished);
      else await complete(session, from(file, folder), picture);
      if (presence !== "new") await write(session.db, { unfinished }).catch(() => {});
      result[presence === "present" ? "again" : "added"].push(id);
    } catch (error) {
      if (error instanceof StorageError) storageError = error; // the next pictures would fail alike
      if (!(error instanceof BadImageError)) result.left.push(i);
      result.refused.push({ name: file.name, problem: problemOf(error) });
    }
  }
  session.listen({ progress: null });
  await write(session.db, { unfinished: null }).catch(() => {}); // on a full device it is shown once too often
  await session
    .changing(() => recordStep(session, result.added, restored))
    .catch((error) => {
      if (!(error instanceof StorageError)) throw error; // on a full device the pictures are stored, only the step is not
    });
  return result;
}

/** Returns a picture, or the error of reading it. */
function pictureOrError(reading: Promise<Picture>): Promise<Picture | Error> {
  return reading.catch((error) => (error instanceof Error ? error : new Error(String(error))));
}

/** Makes the addition one step: undo hides these pictures. Those in `restored` were hidden before. */
async function recordStep(
  session: Session,
  added: readonly PictureId[],
  restored: ReadonlySet<PictureId>,
): Promise<void> {
  if (added.length === 0) return;
  const before = { ...session.state, hidden: new Set([...session.state.hidden, ...added]) };
  const hidden = new Set([...session.state.hidden].filter((id) => !restored.has(id)));
  await change(
    session,
    { kind: "added", pictures: stepPictures(session, added) },
    { ...session.state, hidden },
    {},
    before,
  );
}

function presenceOf(session: Session, id: PictureId): "new" | "hidden" | "present" {
  if (!session.pictures.has(id)) return "new";
  return session.state.hidden.has(id) ? "hidden" : "present";
}

/** Where a picture came from. */
type Origin = Pick<StoredPicture, "name" | "folder">;

/** Embeds and stores a new picture. */
async function addNew(
  session: Session,
  origin: Origin & { added: number },
  decoded: Picture,
  unfinished: Unfinished,
): Promise<void> {
  const { id, width, height, taken, square, preview } = decoded;
  const { image, embedding_space: space } = session.bundle.manifest;
  const embedding = await session.computing(() => embedImage(session.executor, square));
  const picture = { id, ...origin, taken, width, height, embedding, space };
  const pictures = [{ picture, square: await encodePng(square, image.size), preview }];
  await write(session.db, { pictures, unfinished });
  session.pictures.set(id, picture);
  await scoresOf(session, id);
  publish(session, id);
}

/** Adds what is not known yet: of lessons' pictures, which brought a square only; of those that older versions added. */
async function complete(session: Session, origin: Origin, decoded: Picture): Promise<void> {
  const known = session.pictures.get(decoded.id);
  if (!known) return;
  const { taken, width, height } = decoded;
  const hasPreview = (await session.db.getKey("previews", decoded.id)) !== undefined;
  const { folder } = origin;
  const more = { folder: known.folder || folder, taken: known.taken ?? taken };
  if (hasPreview && more.folder === known.folder && more.taken === known.taken) return;
  const picture = { ...known, ...(hasPreview ? {} : { ...origin, width, height }), ...more };
  await write(session.db, { pictures: [{ picture, preview: hasPreview ? undefined : decoded.preview }] });
  session.pictures.set(decoded.id, picture);
  publish(session, decoded.id);
}

function publish(session: Session, id: PictureId): void {
  const view = pictureView(session, id);
  if (view) session.listen({ pictures: [view] });
}

function from(file: File, folder: string): Origin {
  return { name: file.name.slice(0, 200), folder: folder.slice(0, 1000) };
}
