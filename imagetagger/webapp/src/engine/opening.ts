/** From nothing to a session: the bundle fetched and checked, what was kept read, and both brought together. */

import type { Change } from "../api";
import { type Bundle, readBundle } from "./bundle";
import { type Database, open as openDatabase, read, type Step, type Stored, write } from "./database";
import { type Executor, hold, load } from "./executor";
import { withoutPictures } from "./kept";
import { queue } from "./queue";
import { EMPTY_ROWS, type TagRows } from "./rows";
import { changedRows, type Session, taught } from "./session";
import { update } from "./update";

/** What a page hears of at its opening. */
export interface Opened {
  session: Session;
  embeddedAnew: number;
  unreadable: number;
}

/**
 * Opens the app at an address.
 *
 * @param base address of the app's folder, with a slash at its end.
 * @throws Error for the user: open elsewhere, files missing or damaged, nothing can be kept.
 */
export async function open(base: string, listen: (change: Change) => void): Promise<Opened> {
  const name = `imagetagger ${new URL(base).pathname}`;
  await alone(name);
  const [db, bundle] = await Promise.all([openDatabase(name), readBundle((file) => fetched(`${base}bundle/${file}`))]);
  const loading = load(bundle.model, bundle.manifest, `${base}litert/`);
  const [executor, before] = await Promise.all([loading, read(db)]);
  const { stored, embeddedAnew, unreadable } = await update(db, bundle, executor, before, listen);
  return { session: await session(db, bundle, executor, await purge(db, stored), listen), embeddedAnew, unreadable };
}

/** Two tabs would overwrite each other's lessons. */
async function alone(name: string): Promise<void> {
  const taken = new Error("The app is open in another tab or window already: go on there, or close it and try again.");
  await new Promise<void>((resolve, reject) => {
    if (!navigator.locks) return askAround(name, resolve, () => reject(taken));
    const forever = () => new Promise(() => resolve()); // until the worker ends
    const patience = AbortSignal.timeout(3000); // a page that was just left lets go in a moment
    navigator.locks.request(name, { signal: patience }, forever).catch(() => reject(taken));
  });
}

/** Without HTTPS browsers have no locks: whoever is there says so. */
function askAround(name: string, free: () => void, taken: () => void): void {
  const channel = new BroadcastChannel(name);
  const timer = setTimeout(() => {
    channel.onmessage = ({ data }) => data === "Is anybody there?" && channel.postMessage("I am.");
    free();
  }, 500);
  channel.onmessage = ({ data }) => {
    if (data !== "I am.") return;
    clearTimeout(timer);
    channel.close();
    taken();
  };
  channel.postMessage("Is anybody there?");
}

async function fetched(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = address.split("/").at(-1);
  const response = await fetch(address).catch(() => {
    throw new Error(`${file} cannot be fetched: is the server running, and this device connected?`);
  });
  if (!response.ok) throw new Error(`${file} cannot be fetched: the server answers ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Deletes what was taken out: all of it, but for the squares of pictures whose lessons stay. Steps forget it, too. */
async function purge(db: Database, stored: Stored): Promise<Stored> {
  const { hidden, lessons, dismissed: all } = stored.kept;
  if (hidden.size === 0) return stored;
  const gone = new Set([...hidden].filter((id) => stored.pictures.has(id) && !lessons.has(id))); // not what could not be read
  const left = new Set([...hidden].filter((id) => !gone.has(id)));
  const dismissed = new Set([...all].filter((id) => !gone.has(id)));
  const steps: Step[] = [];
  const dropSteps: number[] = [];
  for (const step of stored.steps) {
    const before = withoutPictures(step.before, gone);
    if (before) steps.push(before === step.before ? step : { ...step, before });
    else dropSteps.push(step.id);
  }
  const changed = steps.filter((step) => !stored.steps.includes(step));
  await write(db, { purge: [...gone], purgePreviews: [...left], hidden: left, dismissed, steps: changed, dropSteps });
  const pictures = new Map([...stored.pictures].filter(([id]) => !gone.has(id)));
  return { ...stored, pictures, steps, kept: { ...stored.kept, hidden: left, dismissed } };
}

async function session(
  db: Database,
  bundle: Bundle,
  executor: Executor,
  stored: Stored,
  listen: (change: Change) => void,
): Promise<Session> {
  const pictures = new Map(stored.pictures);
  const { kept } = stored;
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
    steps: stored.steps.toSorted((a, b) => b.id - a.id),
    blocks: hold(executor, then.rows.blocks),
    settings: stored.settings ?? { threshold: null },
    round: 0,
  };
}
