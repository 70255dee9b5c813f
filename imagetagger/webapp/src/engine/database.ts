/** What stays on the device, in IndexedDB. Every change is one transaction: it is kept whole or not at all. */

import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from "idb";
import type { PictureId, StepView, TagId } from "../api";
import { messageOf } from "../files/json";
import type { Edits, Label } from "../lessons/lessons";
import { type Embedded, type Kept, type Lesson, NO_CHANGE, NOTHING, type Patch } from "./kept";
import type { TagRow } from "./rows";

export interface StoredPicture extends Embedded {
  id: PictureId;
  name: string;
  added: number;
  width: number;
  height: number;
}

/** A step, and what was before it. */
export interface Step extends StepView {
  before: Patch;
}

/** The bundle that everything was last seen with. */
export interface LastBundle {
  digest: string;
  labels: readonly Label[];
}

export interface Settings {
  threshold: number | null;
}

interface Stores extends DBSchema {
  pictures: { key: PictureId; value: StoredPicture };
  /** PNG of the square that the network saw. */
  squares: { key: PictureId; value: Blob };
  previews: { key: PictureId; value: Blob };
  lessons: { key: PictureId; value: Lesson };
  steps: { key: number; value: Step };
  /** Statistics of taught tags: follow from the bundle and the lessons, and spare their computation. */
  rows: { key: TagId; value: TagRow & { digest: string } };
  meta: { key: string; value: unknown };
}

export type Database = IDBPDatabase<Stores>;

/** All but the pictures themselves. */
export interface Stored {
  pictures: Map<PictureId, StoredPicture>;
  kept: Kept;
  steps: Step[];
  rows: Map<TagId, TagRow & { digest: string }>;
  bundle: LastBundle | undefined;
  settings: Settings | undefined;
}

/** What one transaction writes; what is absent stays. */
export interface Writing {
  pictures?: readonly { picture: StoredPicture; square?: Blob; preview?: Blob | undefined }[];
  /** Pictures that go, and pictures of which only the square stays. */
  purge?: readonly PictureId[];
  purgePreviews?: readonly PictureId[];
  lessons?: readonly (readonly [PictureId, Lesson | null])[];
  hidden?: ReadonlySet<PictureId>;
  dismissed?: ReadonlySet<PictureId>;
  edits?: Edits;
  steps?: readonly Step[];
  dropSteps?: readonly number[];
  rows?: { put: readonly [TagId, TagRow][]; drop: readonly TagId[]; digest: string };
  bundle?: LastBundle;
  settings?: Settings;
}

const STORES = ["pictures", "squares", "previews", "lessons", "steps", "rows", "meta"] as const;

/** Opens the database; an address, and a folder of it, has one of its own. */
export async function open(name: string): Promise<Database> {
  try {
    return await openDB<Stores>(name, 1, {
      upgrade(db) {
        for (const store of STORES) db.createObjectStore(store);
      },
    });
  } catch (error) {
    throw new Error(
      `This browser does not let the app keep anything (${messageOf(error)}). In a private window? Use a normal one.`,
    );
  }
}

/** Reads all but squares and previews. */
export async function read(db: Database): Promise<Stored> {
  const tx = db.transaction(STORES);
  const meta = tx.objectStore("meta");
  const [pictures, lessons, steps, rows, edits, hidden, dismissed, bundle, settings] = await Promise.all([
    tx.objectStore("pictures").getAll(),
    entries(tx, "lessons"),
    tx.objectStore("steps").getAll(),
    entries(tx, "rows"),
    meta.get("edits") as Promise<Edits | undefined>,
    meta.get("hidden") as Promise<ReadonlySet<PictureId> | undefined>,
    meta.get("dismissed") as Promise<ReadonlySet<PictureId> | undefined>,
    meta.get("bundle") as Promise<LastBundle | undefined>,
    meta.get("settings") as Promise<Settings | undefined>,
  ]);
  return {
    pictures: new Map(pictures.map((picture) => [picture.id, picture])),
    kept: {
      lessons: new Map(lessons),
      edits: edits ?? NOTHING.edits,
      hidden: hidden ?? NOTHING.hidden,
      dismissed: dismissed ?? NOTHING.dismissed,
    },
    steps: steps.map((step) => ({ ...step, before: { ...NO_CHANGE, ...step.before } })), // older ones lack what came later
    rows: new Map(rows),
    bundle,
    settings,
  };
}

/** Something could not be kept; the message says why, and that nothing was lost. */
export class KeepError extends Error {}

/**
 * Writes all of it, or nothing.
 *
 * @throws KeepError where the device is full.
 */
export async function write(db: Database, writing: Writing): Promise<void> {
  const tx = begin(db, writing);
  const put = (store: StoreNames<Stores>, key: string | number, value: unknown) => {
    const target = tx.objectStore(store) as unknown as { put(value: unknown, key: string | number): Promise<unknown> };
    target.put(value, key).catch(() => {}); // `done` tells
  };
  const drop = (store: StoreNames<Stores>, key: string | number) => {
    tx.objectStore(store)
      .delete(key as never)
      .catch(() => {});
  };
  try {
    for (const { picture, square, preview } of writing.pictures ?? []) {
      put("pictures", picture.id, picture);
      if (square) put("squares", picture.id, square);
      if (preview) put("previews", picture.id, preview);
    }
    for (const id of writing.purge ?? [])
      for (const store of ["pictures", "squares", "previews"] as const) drop(store, id);
    for (const id of writing.purgePreviews ?? []) drop("previews", id);
    for (const [id, lesson] of writing.lessons ?? []) lesson ? put("lessons", id, lesson) : drop("lessons", id);
    for (const step of writing.steps ?? []) put("steps", step.id, step);
    for (const id of writing.dropSteps ?? []) drop("steps", id);
    for (const [tag, row] of writing.rows?.put ?? []) put("rows", tag, { ...row, digest: writing.rows?.digest });
    for (const tag of writing.rows?.drop ?? []) drop("rows", tag);
    for (const key of ["edits", "hidden", "dismissed", "bundle", "settings"] as const)
      if (writing[key] !== undefined) put("meta", key, writing[key]);
    await tx.done;
  } catch (error) {
    tx.done.catch(() => {});
    if (!(error instanceof DOMException) || error.name === "DataCloneError") tx.abort(); // else it has ended by itself
    throw new KeepError(explained(error));
  }
}

function begin(db: Database, writing: Writing) {
  const durability = writing.lessons?.length ? "strict" : "relaxed"; // what was taught cannot be had again
  try {
    return db.transaction(STORES, "readwrite", { durability });
  } catch {
    throw new KeepError("The browser closed what the app keeps. Nothing was lost: reload the page, and go on.");
  }
}

async function entries<Name extends "lessons" | "rows">(
  tx: IDBPTransaction<Stores, typeof STORES, "readonly">,
  name: Name,
): Promise<[string, Stores[Name]["value"]][]> {
  const [keys, values] = await Promise.all([tx.objectStore(name).getAllKeys(), tx.objectStore(name).getAll()]);
  return keys.map((key, i) => [key, values[i] as Stores[Name]["value"]]);
}

function explained(error: unknown): string {
  return error instanceof DOMException && error.name === "QuotaExceededError"
    ? "This device has no room left for the app. Nothing was lost, and nothing changed: free some space, or remove pictures here and open the app anew."
    : `This could not be kept: ${messageOf(error)}`;
}
