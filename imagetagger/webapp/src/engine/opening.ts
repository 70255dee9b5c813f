/** From nothing to a session: the bundle fetched and checked, what was kept read, and both brought together. */

import type { Change, PictureId } from "../api";
import { adopt, taughtNames } from "../lessons/lessons";
import { readPicture } from "../pixels/decode";
import { type Bundle, readBundle } from "./bundle";
import { type Database, open as openDatabase, read, type Stored, type StoredPicture, write } from "./database";
import { type Executor, embed, hold, load } from "./executor";
import { type Kept, lessonsOf, NOTHING } from "./kept";
import { queue } from "./queue";
import { EMPTY_ROWS, type TagRows } from "./rows";
import { changedRows, type Session, taught } from "./session";

/**
 * Opens the app at an address.
 *
 * @param base address of the app's folder, with a slash at its end.
 * @returns the session, and how many pictures a new bundle embedded anew.
 * @throws Error for the user: open elsewhere, files missing or damaged, nothing can be kept.
 */
export async function open(base: string, listen: (change: Change) => void): Promise<[Session, number]> {
  const name = `imagetagger ${new URL(base).pathname}`;
  await alone(name);
  const [db, bundle] = await Promise.all([openDatabase(name), readBundle((file) => fetched(`${base}bundle/${file}`))]);
  const executor = await load(bundle.model, bundle.manifest, `${base}litert/`);
  const before = await read(db);
  const anew =
    before.bundle?.digest === bundle.manifest.digest ? 0 : await update(db, bundle, executor, before, listen);
  const stored = anew || !before.bundle ? await read(db) : before;
  await purge(db, stored);
  return [await session(db, bundle, executor, stored, listen), anew];
}

/** Two tabs would overwrite each other's lessons. Where the browser has no locks, as without HTTPS, nothing is checked. */
async function alone(name: string): Promise<void> {
  if (!navigator.locks) return;
  const taken = "The app is open in another tab or window already: go on there, or close it and try again.";
  await new Promise<void>((resolve, reject) => {
    const forever = () => new Promise(() => resolve()); // until the worker ends
    const patience = AbortSignal.timeout(3000); // a page that was just left lets go in a moment
    navigator.locks.request(name, { signal: patience }, forever).catch(() => reject(new Error(taken)));
  });
}

async function fetched(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = address.split("/").at(-1);
  const response = await fetch(address).catch(() => {
    throw new Error(`${file} cannot be fetched: is the server running, and this device connected?`);
  });
  if (!response.ok) throw new Error(`${file} cannot be fetched: the server answers ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Makes what was taught to another bundle this one's: tags by name, pictures embedded anew from their squares. */
async function update(
  db: Database,
  bundle: Bundle,
  executor: Executor,
  stored: Stored,
  listen: (change: Change) => void,
): Promise<number> {
  const { digest, embedding_space: space, image } = bundle.manifest;
  const kept = stored.kept ?? NOTHING;
  const others = [...stored.pictures.values()].filter((picture) => picture.space !== space);
  for (const [done, picture] of others.entries()) {
    listen({ progress: { what: "A new tagger looks at your pictures", done, total: others.length } });
    const blob = await db.get("squares", picture.id);
    if (!blob) throw new Error(`The picture ${picture.name} lost its pixels: export your lessons with the old tagger.`);
    const { square } = await readPicture(blob, image.size, image.pixel_limit);
    await write(db, { pictures: [{ picture: { ...picture, embedding: await embed(executor, square), space } }] });
  }
  const lessons = lessonsOf(kept, stored.pictures);
  const names = taughtNames(stored.bundle?.labels ?? [], lessons);
  const adopted = (edits: Kept["edits"]) => adopt({ ...lessons, edits }, bundle.labels, names).edits;
  const steps = stored.steps.map((step) =>
    step.before.edits ? { ...step, before: { ...step.before, edits: adopted(step.before.edits) } } : step,
  );
  const settings = { threshold: null }; // another bundle's numbers mean something else
  await write(db, { edits: adopted(kept.edits), steps, settings, bundle: { digest, labels: bundle.labels } });
  listen({ progress: null });
  return others.length;
}

/** Deletes pictures that were taken out, but for those whose lessons stay; steps that would bring them back go, too. */
async function purge(db: Database, stored: Stored): Promise<void> {
  if (!stored.kept) return;
  const { hidden, lessons } = stored.kept;
  const gone = new Set<PictureId>([...hidden].filter((id) => !lessons.has(id)));
  if (gone.size === 0) return;
  const ordered = stored.steps.sort((a, b) => b.id - a.id);
  const touching = ordered.findIndex(({ before }) =>
    [...before.hidden, ...before.lessons].some(([id]) => gone.has(id)),
  );
  const dropSteps = touching < 0 ? [] : ordered.splice(touching).map(({ id }) => id);
  const left = new Set([...hidden].filter((id) => !gone.has(id)));
  await write(db, { purge: [...gone], dropSteps, hidden: left });
  for (const id of gone) stored.pictures.delete(id);
  stored.kept = { ...stored.kept, hidden: left };
}

async function session(
  db: Database,
  bundle: Bundle,
  executor: Executor,
  stored: Stored,
  listen: (change: Change) => void,
): Promise<Session> {
  const pictures = new Map<PictureId, StoredPicture>(stored.pictures);
  const kept = stored.kept ?? NOTHING;
  const computing = queue();
  const known: TagRows = {
    ...EMPTY_ROWS,
    byTag: new Map([...stored.rows].filter(([, row]) => row.digest === bundle.manifest.digest)),
  };
  const then = await taught(bundle, executor, computing, pictures, kept, known);
  const { put, drop } = changedRows(known, then.rows);
  if (put.length + drop.length) await write(db, { rows: { put, drop, digest: bundle.manifest.digest } });
  return {
    ...{ db, bundle, executor, listen, pictures, kept, computing, ...then },
    scores: new Map(),
    changing: queue(),
    steps: stored.steps.sort((a, b) => b.id - a.id),
    blocks: hold(executor, then.rows.blocks),
    settings: stored.settings ?? { threshold: null },
    round: 0,
  };
}
