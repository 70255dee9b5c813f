/** From files to pictures: each is decoded, embedded and stored by itself, so that a later failure costs no other. */

import type { Added, Incoming, PictureId, Unfinished } from "../api";
import { problemOf } from "../format/problems";
import type { Picture } from "../pixels/decode";
import { readPicture } from "../pixels/reader";
import { isBadImage } from "../pixels/sniff";
import { queue } from "../queue";
import { StorageError, type StoredPicture, write } from "./database";
import { embedImage } from "./executor";
import type { Session } from "./session";
import { change } from "./steps";
import { scoresOf } from "./suggestions";
import { latestTime, pictureView, stepPictures } from "./views";

/** How many pictures are prepared while one is stored: one is embedded, and one decoded. */
const AHEAD = 2;

/** A picture that was read, and its embedding where the picture is new. */
interface Prepared {
  picture: Picture;
  embedding?: Float32Array<ArrayBuffer> | undefined;
}

/**
 * Adds pictures, the first one with the latest time, so that it comes first among the newest.
 *
 * One picture at a time is decoded: memory holds the pixels of no other. The caller has noted that all are unfinished.
 *
 * @param isCancelled called before each picture.
 */
export async function add(session: Session, incoming: readonly Incoming[], isCancelled: () => boolean): Promise<Added> {
  const result: Added = { added: [], again: [], refused: [], left: [], cancelled: false };
  const latest = latestTime(session);
  const reading = queue();
  const ahead: Promise<Prepared | Error>[] = [];
  let started = 0;
  let isOver = false;
  const read = (file: File) =>
    reading(() => (isOver ? Promise.reject(new Error("cancelled")) : readFor(session, file)));
  const restored = new Set<PictureId>();
  let storageError: StorageError | undefined;
  const total = incoming.length;
  for (const [i, { file, folder }] of incoming.entries()) {
    const unfinished = { left: total - i - 1, total };
    session.listen({ progress: { kind: "adding", done: i, total } });
    if (isCancelled()) {
      result.cancelled = true;
      for (let later = i; later < total; later++) result.left.push(later);
      break;
    }
    try {
      if (storageError) throw storageError;
      for (const next of incoming.slice(started, i + 1 + AHEAD)) ahead.push(orError(prepare(session, read(next.file))));
      started = i + ahead.length;
      const prepared = await (ahead.shift() as Promise<Prepared | Error>);
      if (prepared instanceof Error) throw prepared;
      const { picture } = prepared;
      const { id } = picture;
      const presence = result.added.includes(id) ? "present" : presenceOf(session, id);
      if (presence === "hidden") restored.add(id);
      else if (presence === "new")
        await addNew(session, { ...from(file, folder), added: latest + total - i }, prepared, unfinished);
      else await complete(session, from(file, folder), picture);
      if (presence !== "new") await write(session.db, { unfinished }).catch(() => {});
      publish(session, id);
      result[presence === "present" ? "again" : "added"].push(id);
    } catch (error) {
      if (error instanceof StorageError) storageError = error; // the next pictures would fail alike
      if (!isBadImage(error)) result.left.push(i);
      result.refused.push({ name: file.name, problem: problemOf(error) });
    }
  }
  isOver = true;
  await Promise.all(ahead); // of a cancelled addition: otherwise the next one would decode beside it
  session.listen({ progress: null });
  await write(session.db, { unfinished: null }).catch(() => {}); // on a full device it is shown once too often
  await session
    .changing(() => recordStep(session, result.added, restored))
    .catch((error) => {
      if (!(error instanceof StorageError)) throw error; // on a full device the pictures are stored, only the step is not
    });
  return result;
}

function readFor({ bundle }: Session, file: File): Promise<Picture> {
  const { size, pixel_limit } = bundle.manifest.image;
  return readPicture(file, size, pixel_limit);
}

/** Embeds a picture that is being read, unless it is known. */
async function prepare(session: Session, reading: Promise<Picture>): Promise<Prepared> {
  const picture = await reading;
  if (session.pictures.has(picture.id)) return { picture };
  return { picture, embedding: await embed(session, picture) };
}

function embed(session: Session, { square }: Picture): Promise<Float32Array<ArrayBuffer>> {
  return session.computing((executor) => embedImage(executor, square));
}

/** Returns what a promise gives, or its error. */
function orError<T>(promise: Promise<T>): Promise<T | Error> {
  return promise.catch((error) => (error instanceof Error ? error : new Error(String(error))));
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

/** Stores a new picture. */
async function addNew(
  session: Session,
  origin: Origin & { added: number },
  prepared: Prepared,
  unfinished: Unfinished,
): Promise<void> {
  const { id, width, height, taken, png, preview } = prepared.picture;
  const embedding = prepared.embedding ?? (await embed(session, prepared.picture)); // it was deleted in the meantime
  const picture = { id, ...origin, taken, width, height, embedding, space: session.bundle.manifest.embedding_space };
  await write(session.db, { pictures: [{ picture, square: png, preview }], unfinished });
  session.pictures.set(id, picture);
  await scoresOf(session, id);
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
}

function publish(session: Session, id: PictureId): void {
  const view = pictureView(session, id);
  if (view) session.listen({ pictures: [view] });
}

function from(file: File, folder: string): Origin {
  return { name: file.name.slice(0, 200), folder: folder.slice(0, 1000) };
}
