/** Opens the app: the bundle is fetched and checked, the stored state read, and both brought together. */

import type { Change, Unfinished } from "../api";
import { type Bundle, readBundle } from "../bundle/reader";
import { UserError } from "../format/problems";
import { queue } from "../queue";
import { type Database, open as openDatabase, read, type Step, type Stored, write } from "./database";
import { loadExecutor } from "./executor";
import { holdTab } from "./one_tab";
import { type Computing, changedRows, computingBy, deriveState, type Session } from "./session";
import { EMPTY_ROWS, type TagRows } from "./tag_statistics";
import { isCurrent, update } from "./update";
import { withoutPictures } from "./user_state";

/** How this tab gets the app, and gives it up: see one_tab.ts. */
export interface Tab {
  takesOver: boolean;
  giveUp(): Promise<void>;
  /** Aborted when another tab takes over: then nothing waits for the model any more. */
  signal: AbortSignal;
}

/** A new session, and what a new bundle did to stored pictures. */
export interface Opened {
  session: Session;
  reembedded: number;
  unreadable: number;
  unfinished: Unfinished | null;
}

/**
 * Opens the app at an address. Only a stored state of another bundle, or none, waits for the model; otherwise the first job
 * of `computing` loads it.
 *
 * @param base address of the app's folder, with a slash at its end.
 * @throws UserError open elsewhere or taken over, files missing or damaged, nothing can be stored.
 */
export async function open(base: string, listen: (change: Change) => void, tab: Tab): Promise<Opened> {
  const name = `imagetagger ${new URL(base).pathname}`;
  await holdTab(name, tab.takesOver, tab.giveUp);
  const db = await openDatabase(name);
  try {
    return await openWith(db, base, listen, tab.signal);
  } catch (error) {
    db.close();
    throw error;
  }
}

async function openWith(
  db: Database,
  base: string,
  listen: (change: Change) => void,
  signal: AbortSignal,
): Promise<Opened> {
  const [before, bundle] = await Promise.all([read(db), readBundle((file) => fetched(`${base}bundle/${file}`))]);
  const load = () => unlessAborted(loadExecutor(bundle.model, bundle.manifest, `${base}litert/`), signal);
  const computing = computingBy(load);
  const embedding: Computing = async (job) => {
    signal.throwIfAborted();
    return computing(job);
  };
  if (!isCurrent(before, bundle)) await embedding(async () => {}); // a model that cannot be loaded changes nothing
  const { stored, reembedded, unreadable } = await update(db, bundle, embedding, before, listen);
  const opened = await session(db, bundle, computing, await purge(db, stored), listen);
  return { session: opened, reembedded, unreadable, unfinished: before.unfinished };
}

/** Returns what a promise gives, or fails as soon as the signal is aborted. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
    promise.then(resolve, reject);
  });
}

async function fetched(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = address.split("/").at(-1) as string;
  const response = await fetch(address).catch(() => {
    throw new UserError({ kind: "notFetched", file, status: null });
  });
  if (!response.ok) throw new UserError({ kind: "notFetched", file, status: response.status });
  return new Uint8Array(await response.arrayBuffer());
}

/** Deletes removed pictures, also from steps; of those whose lessons stay, only the preview. */
async function purge(db: Database, stored: Stored): Promise<Stored> {
  const { hidden, lessons } = stored.state;
  if (hidden.size === 0) return stored;
  const gone = new Set([...hidden].filter((id) => stored.pictures.has(id) && !lessons.has(id))); // not pictures that could not be read
  const left = new Set([...hidden].filter((id) => !gone.has(id)));
  const dismissed = new Set([...stored.state.dismissed].filter((id) => !gone.has(id)));
  const rejected = new Map([...stored.state.rejected].filter(([id]) => !gone.has(id)));
  const steps: Step[] = [];
  const dropSteps: number[] = [];
  for (const step of stored.steps) {
    const before = withoutPictures(step.before, gone);
    if (before) steps.push(before === step.before ? step : { ...step, before });
    else dropSteps.push(step.id);
  }
  const changed = steps.filter((step) => !stored.steps.includes(step));
  await write(db, {
    purge: [...gone],
    purgePreviews: [...left],
    hidden: left,
    dismissed,
    rejected,
    steps: changed,
    dropSteps,
  });
  const pictures = new Map([...stored.pictures].filter(([id]) => !gone.has(id)));
  return { ...stored, pictures, steps, state: { ...stored.state, hidden: left, dismissed, rejected } };
}

async function session(
  db: Database,
  bundle: Bundle,
  computing: Computing,
  stored: Stored,
  listen: (change: Change) => void,
): Promise<Session> {
  const pictures = new Map(stored.pictures);
  const { state } = stored;
  const cached: TagRows = {
    ...EMPTY_ROWS,
    byTag: new Map([...stored.rows].filter(([, row]) => row.digest === bundle.manifest.digest)),
  };
  const derived = await deriveState(bundle, computing, pictures, state, cached);
  const { put, drop } = changedRows(cached, derived.rows);
  if (put.length + drop.length) await write(db, { rows: { put, drop, digest: bundle.manifest.digest } });
  return {
    ...{ db, bundle, listen, pictures, state, computing, ...derived },
    scores: new Map(),
    changing: queue(),
    steps: stored.steps.toSorted((a, b) => b.id - a.id),
    blocks: null,
    settings: stored.settings ?? { threshold: null },
    round: 0,
  };
}
