/** What stays on the device, in IndexedDB. Every change is one transaction, stored completely or not at all. */

import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from "idb";
import type { PictureId, StepView, TagId, Unfinished } from "../api";
import type { Act } from "../format/acts";
import { messageOf } from "../format/errors";
import type { Label } from "../format/labels";
import { type Problem, UserError } from "../format/problems";
import type { VocabularyEdits } from "../lessons/lessons";
import type { TagRow } from "./tag_statistics";
import { type Embedded, INITIAL_STATE, type Lesson, NO_CHANGE, type Patch, type UserState } from "./user_state";

export interface StoredPicture extends Embedded {
  id: PictureId;
  name: string;
  folder: string;
  added: number;
  taken: string | null;
  width: number;
  height: number;
}

/** A step, and how to take it back. */
export interface Step extends StepView {
  before: Patch;
}

/** The bundle of the last opening. */
export interface LastBundle {
  digest: string;
  /** Its tags and broader terms; of older versions of the app, its tags. */
  labels: readonly Pick<Label, "id" | "name">[];
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
  /** A cache: statistics of taught tags, which follow from the bundle and the lessons. */
  rows: { key: TagId; value: TagRow & { digest: string } };
  meta: { key: string; value: unknown };
}

export type Database = IDBPDatabase<Stores>;

/** Everything but squares and previews. */
export interface Stored {
  pictures: Map<PictureId, StoredPicture>;
  state: UserState;
  steps: Step[];
  rows: Map<TagId, TagRow & { digest: string }>;
  bundle: LastBundle | undefined;
  settings: Settings | undefined;
  /** Of an addition that did not end. */
  unfinished: Unfinished | null;
}

/** What one transaction writes; absent parts stay. */
export interface Changes {
  pictures?: readonly { picture: StoredPicture; square?: Blob; preview?: Blob | undefined }[];
  /** Pictures to delete, and pictures to keep the square of only. */
  purge?: readonly PictureId[];
  purgePreviews?: readonly PictureId[];
  lessons?: readonly (readonly [PictureId, Lesson | null])[];
  hidden?: ReadonlySet<PictureId>;
  dismissed?: ReadonlySet<PictureId>;
  rejected?: UserState["rejected"];
  edits?: VocabularyEdits;
  steps?: readonly Step[];
  dropSteps?: readonly number[];
  rows?: { put: readonly [TagId, TagRow][]; drop: readonly TagId[]; digest: string };
  bundle?: LastBundle;
  settings?: Settings;
  /** Null once an addition has ended. */
  unfinished?: Unfinished | null;
}

/** What pictures of older versions lack. */
const PICTURE_DEFAULTS = { folder: "", taken: null };

/** What rows of older versions lack. */
const ROW_DEFAULTS = { scoreOffset: 0 };

const STORES = ["pictures", "squares", "previews", "lessons", "steps", "rows", "meta"] as const;

/** Opens the database; every address and folder has its own. */
export async function open(name: string): Promise<Database> {
  try {
    return await openDB<Stores>(name, 1, {
      upgrade(db) {
        for (const store of STORES) db.createObjectStore(store);
      },
    });
  } catch (error) {
    throw new UserError({ kind: "noStorage", why: messageOf(error) });
  }
}

/** Reads everything but squares and previews. */
export async function read(db: Database): Promise<Stored> {
  const tx = db.transaction(STORES);
  const meta = tx.objectStore("meta");
  const [pictures, lessons, steps, rows, edits, hidden, dismissed, rejected, bundle, settings, unfinished] =
    await Promise.all([
      tx.objectStore("pictures").getAll(),
      entries(tx, "lessons"),
      tx.objectStore("steps").getAll(),
      entries(tx, "rows"),
      meta.get("edits") as Promise<VocabularyEdits | undefined>,
      meta.get("hidden") as Promise<ReadonlySet<PictureId> | undefined>,
      meta.get("dismissed") as Promise<ReadonlySet<PictureId> | undefined>,
      meta.get("rejected") as Promise<UserState["rejected"] | undefined>,
      meta.get("bundle") as Promise<LastBundle | undefined>,
      meta.get("settings") as Promise<Settings | undefined>,
      meta.get("unfinished") as Promise<Unfinished | null | undefined>,
    ]);
  return {
    pictures: new Map(pictures.map((picture) => [picture.id, { ...PICTURE_DEFAULTS, ...picture }])),
    state: {
      lessons: new Map(lessons),
      edits: { ...INITIAL_STATE.edits, ...edits },
      hidden: hidden ?? INITIAL_STATE.hidden,
      dismissed: dismissed ?? INITIAL_STATE.dismissed,
      rejected: rejected ?? INITIAL_STATE.rejected,
    },
    steps: steps.map((step) => ({ ...step, what: actOf(step.what), before: complete(step.before) })),
    rows: new Map(rows.map(([tag, row]) => [tag, { ...ROW_DEFAULTS, ...row }])),
    bundle,
    settings,
    unfinished: unfinished ?? null,
  };
}

/** Takes over the words in which older versions described a step. */
function actOf(what: Act | string): Act {
  return typeof what === "string" ? { kind: "worded", text: what } : what;
}

/** Adds the keys that steps of older versions lack. */
function complete(before: Patch): Patch {
  const edits = before.edits && { edits: { ...INITIAL_STATE.edits, ...before.edits } };
  return { ...NO_CHANGE, ...before, ...edits };
}

/** A change that could not be stored; nothing was lost. */
export class StorageError extends UserError {
  override name = "StorageError";
}

/**
 * Writes all changes, or none.
 *
 * @throws StorageError where the device is full.
 */
export async function write(db: Database, changes: Changes): Promise<void> {
  const tx = begin(db, changes);
  const put = (store: StoreNames<Stores>, key: string | number, value: unknown) => {
    const target = tx.objectStore(store) as unknown as { put(value: unknown, key: string | number): Promise<unknown> };
    target.put(value, key).catch(() => {}); // `tx.done` reports it
  };
  const drop = (store: StoreNames<Stores>, key: string | number) => {
    tx.objectStore(store)
      .delete(key as never)
      .catch(() => {});
  };
  try {
    for (const { picture, square, preview } of changes.pictures ?? []) {
      put("pictures", picture.id, picture);
      if (square) put("squares", picture.id, square);
      if (preview) put("previews", picture.id, preview);
    }
    for (const id of changes.purge ?? [])
      for (const store of ["pictures", "squares", "previews"] as const) drop(store, id);
    for (const id of changes.purgePreviews ?? []) drop("previews", id);
    for (const [id, lesson] of changes.lessons ?? []) lesson ? put("lessons", id, lesson) : drop("lessons", id);
    for (const step of changes.steps ?? []) put("steps", step.id, step);
    for (const id of changes.dropSteps ?? []) drop("steps", id);
    for (const [tag, row] of changes.rows?.put ?? []) put("rows", tag, { ...row, digest: changes.rows?.digest });
    for (const tag of changes.rows?.drop ?? []) drop("rows", tag);
    for (const key of ["edits", "hidden", "dismissed", "rejected", "bundle", "settings", "unfinished"] as const)
      if (changes[key] !== undefined) put("meta", key, changes[key]);
    await tx.done;
  } catch (error) {
    tx.done.catch(() => {});
    if (!(error instanceof DOMException) || error.name === "DataCloneError") tx.abort(); // otherwise it has ended by itself
    throw new StorageError(storageProblem(error));
  }
}

function begin(db: Database, changes: Changes) {
  const durability = changes.lessons?.length ? "strict" : "relaxed"; // lessons cannot be recomputed
  try {
    return db.transaction(STORES, "readwrite", { durability });
  } catch {
    throw new StorageError({ kind: "storageClosed" });
  }
}

async function entries<Name extends "lessons" | "rows">(
  tx: IDBPTransaction<Stores, typeof STORES, "readonly">,
  name: Name,
): Promise<[string, Stores[Name]["value"]][]> {
  const [keys, values] = await Promise.all([tx.objectStore(name).getAllKeys(), tx.objectStore(name).getAll()]);
  return keys.map((key, i) => [key, values[i] as Stores[Name]["value"]]);
}

function storageProblem(error: unknown): Problem {
  return error instanceof DOMException && error.name === "QuotaExceededError"
    ? { kind: "storageFull" }
    : { kind: "notStored", why: messageOf(error) };
}
