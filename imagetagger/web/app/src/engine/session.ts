/** The tagger in use: a bundle, what its user taught, and the rows that follow from both. */

import type { Change, PictureId, TagId } from "../api";
import type { Bundle } from "../bundle/reader";
import { type Label, type Lessons, vocabulary } from "../lessons/lessons";
import { adaptedCoverage } from "../prediction/predict";
import { type Changes, type Database, type Settings, type Step, type StoredPicture, write } from "./database";
import { type Blocks, copyBlocks, type Executor, freeBlocks, mergeRows } from "./executor";
import type { queue } from "./queue";
import { suggest } from "./suggestions";
import { type TagRow, type TagRows, updateRows } from "./tag_statistics";
import { apply, difference, lessonsOf, NO_CHANGE, type UserState } from "./user_state";
import { stepViews, tagViews } from "./views";

/** Steps that can be undone. */
const MAX_UNDO = 100;

/** Its values are replaced, never changed in place; its fields and maps change. */
export interface Session extends DerivedState {
  readonly db: Database;
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly listen: (change: Change) => void;
  /** Every picture, hidden ones too. */
  readonly pictures: Map<PictureId, StoredPicture>;
  /** Log joints of a picture under all rows, and these rows. */
  readonly scores: Map<PictureId, { rows: TagRows; values: Float32Array }>;
  /** For changes: each begins where the one before ended. */
  readonly changing: ReturnType<typeof queue>;
  /** For the model: no tensor is freed while it is read. */
  readonly computing: ReturnType<typeof queue>;
  state: UserState;
  steps: readonly Step[];
  blocks: Blocks;
  settings: Settings;
  /** Of suggestions: a newer round ends the older ones. */
  round: number;
}

/** What follows from a bundle and the user's state. */
export interface DerivedState {
  lessons: Lessons;
  vocabulary: ReadonlyMap<TagId, Label>;
  rows: TagRows;
  /** How many pictures taught each tag, (C), in the order of the vocabulary. */
  counts: Float32Array;
  /** Of the next prediction set, so that the bundle's coverage is reached; null for rules without a guarantee. */
  coverage: number | null;
}

/** Derives everything from the user's state, reusing unchanged rows of `before`. */
export async function deriveState(
  bundle: Bundle,
  executor: Executor,
  computing: Session["computing"],
  pictures: ReadonlyMap<PictureId, StoredPicture>,
  state: UserState,
  before: TagRows,
): Promise<DerivedState> {
  const lessons = lessonsOf(state, pictures);
  const words = vocabulary(bundle.labels, lessons);
  const merge = (a: TagRow["total"], b: TagRow["total"]) => computing(() => mergeRows(executor, a, b));
  const rows = await updateRows(before, bundle, lessons, words, merge, bundle.manifest.model.block);
  const counts = Float32Array.from(rows.byTag.values(), (row) => row.total.count[0] ?? 0);
  const missed = [...lessons.pictures.values()].flatMap((lesson) => lesson.missed ?? []);
  const coverage = adaptedCoverage(missed, bundle.manifest.decision.prediction_set);
  return { lessons, vocabulary: words, rows, counts, coverage };
}

/**
 * Goes on to the next state, as a step that can be undone. Stores first: a change that cannot be stored does not happen.
 *
 * @param what the step in words.
 * @param also stored with it; its pictures become known.
 * @param from the state that undo returns to.
 */
export async function change(
  session: Session,
  what: string,
  next: UserState,
  also: Changes = {},
  from: UserState = session.state,
): Promise<void> {
  const before = difference(from, next);
  if (!before) return;
  const known = new Map(session.pictures);
  for (const { picture } of also.pictures ?? []) known.set(picture.id, picture);
  const when = Date.now();
  const id = Math.max(when, (session.steps[0]?.id ?? 0) + 1); // ids stay unique after an undo
  const step: Step = { id, what, when, before };
  const steps = [step, ...session.steps].slice(0, MAX_UNDO);
  const dropSteps = session.steps.slice(MAX_UNDO - 1).map(({ id }) => id);
  await commit(session, next, steps, { ...also, steps: [step], dropSteps }, known);
}

/** Undoes the last step, if it has this id. */
export async function undo(session: Session, id: number): Promise<Step> {
  const [last, ...steps] = session.steps;
  if (!last) throw new Error("There is nothing to undo.");
  if (last.id !== id)
    throw new Error("Something else was changed since. More lists all steps: undo the last one first.");
  await commit(session, apply(session.state, last.before), steps, { dropSteps: [last.id] }, session.pictures);
  return last;
}

async function commit(
  session: Session,
  next: UserState,
  steps: readonly Step[],
  changes: Changes,
  known: ReadonlyMap<PictureId, StoredPicture>,
): Promise<void> {
  const back = difference(next, session.state) ?? NO_CHANGE;
  const derived = await deriveState(session.bundle, session.executor, session.computing, known, next, session.rows);
  await write(session.db, {
    ...changes,
    lessons: back.lessons,
    hidden: next.hidden,
    dismissed: next.dismissed,
    edits: next.edits,
    rows: { ...changedRows(session.rows, derived.rows), digest: session.bundle.manifest.digest },
  });
  for (const { picture } of changes.pictures ?? []) session.pictures.set(picture.id, picture);
  const moved = back.hidden.map(([id]) => id);
  const taught = [...back.lessons, ...back.dismissed].map(([id]) => id);
  const touched = new Set([...taught, ...moved.filter((id) => !next.hidden.has(id))]);
  const isSame = derived.rows === session.rows;
  await replaceRows(session, { ...derived, state: next, steps });
  session.listen({
    tags: tagViews(session),
    steps: stepViews(session),
    gone: moved.filter((id) => next.hidden.has(id)),
  });
  await suggest(session, [...touched], !isSame);
}

/** Goes over to the next state and copies its rows to where the model reads them, at once. */
async function replaceRows(session: Session, next: Partial<Session> & DerivedState): Promise<void> {
  await session.computing(async () => {
    const isSame = next.rows.blocks === session.rows.blocks;
    const blocks = isSame ? session.blocks : copyBlocks(session.executor, next.rows.blocks);
    if (!isSame) freeBlocks(session.blocks);
    Object.assign(session, next, { blocks });
  });
}

/** Returns the rows of taught tags to store, and the tags whose rows are to be deleted. */
export function changedRows(before: TagRows, after: TagRows): { put: [TagId, TagRow][]; drop: TagId[] } {
  const isTaught = (row: TagRow | undefined) => row !== undefined && row.pictures.length > 0;
  const put = [...after.byTag].filter(([tag, row]) => isTaught(row) && before.byTag.get(tag) !== row);
  const drop = [...before.byTag]
    .filter(([tag, row]) => isTaught(row) && !isTaught(after.byTag.get(tag)))
    .map(([tag]) => tag);
  return { put, drop };
}
