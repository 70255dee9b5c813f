/** The tagger at work: a bundle, what its user taught, and the rows that follow from both. */

import type { Change, PictureId, TagId } from "../api";
import { wantedCoverage } from "../decide/judge";
import { type Label, type Lessons, vocabulary } from "../lessons/lessons";
import type { Bundle } from "./bundle";
import { type Database, type Settings, type Step, type StoredPicture, type Writing, write } from "./database";
import { type Blocks, type Executor, hold, merge, release } from "./executor";
import { apply, difference, type Kept, lessonsOf, NO_CHANGE } from "./kept";
import type { queue } from "./queue";
import { advance, type TagRow, type TagRows } from "./rows";
import { suggest } from "./suggestions";
import { stepViews, tagViews } from "./views";

/** Steps that can be taken back, the last first. */
const UNDOABLE = 100;

/** All of it is replaced, never changed in place, but for this object's fields and its maps. */
export interface Session extends Taught {
  readonly db: Database;
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly listen: (change: Change) => void;
  /** Every picture, hidden ones too. */
  readonly pictures: Map<PictureId, StoredPicture>;
  /** Log joints of a picture under all rows, and of which rows. */
  readonly scores: Map<PictureId, { of: TagRows; values: Float32Array }>;
  /** For changes: each sees what the one before left. */
  readonly changing: ReturnType<typeof queue>;
  /** For the model: nothing is freed while it is read. */
  readonly computing: ReturnType<typeof queue>;
  kept: Kept;
  steps: readonly Step[];
  blocks: Blocks;
  settings: Settings;
  /** Of suggestions: a later one ends those before. */
  round: number;
}

/** What follows from a bundle and lessons. */
export interface Taught {
  lessons: Lessons;
  vocabulary: ReadonlyMap<TagId, Label>;
  rows: TagRows;
  /** How many pictures taught each tag, (C), in the order of the vocabulary. */
  counts: Float32Array;
  /** To ask for, so that the bundle's is kept; null for rules that promise none. */
  coverage: number | null;
}

/** Computes what follows from what is kept, taking over from `before` what is the same. */
export async function taught(
  bundle: Bundle,
  executor: Executor,
  computing: Session["computing"],
  pictures: ReadonlyMap<PictureId, StoredPicture>,
  kept: Kept,
  before: TagRows,
): Promise<Taught> {
  const lessons = lessonsOf(kept, pictures);
  const words = vocabulary(bundle.labels, lessons);
  const together = (a: TagRow["total"], b: TagRow["total"]) => computing(() => merge(executor, a, b));
  const rows = await advance(before, bundle, lessons, words, together, bundle.manifest.model.block);
  const counts = Float32Array.from(rows.byTag.values(), (row) => row.total.count[0] ?? 0);
  const missed = [...lessons.pictures.values()].flatMap((lesson) => lesson.missed ?? []);
  const coverage = wantedCoverage(missed, bundle.manifest.decision.tag_set);
  return { lessons, vocabulary: words, rows, counts, coverage };
}

/**
 * Goes on to what is kept next, as a step that can be undone. Writes first: what cannot be kept does not happen.
 *
 * @param what in words.
 * @param also to be written with it; new pictures are known from then on.
 * @param from what undo goes back to.
 */
export async function change(
  session: Session,
  what: string,
  next: Kept,
  also: Writing = {},
  from: Kept = session.kept,
): Promise<void> {
  const before = difference(from, next);
  if (!before) return;
  const known = new Map(session.pictures);
  for (const { picture } of also.pictures ?? []) known.set(picture.id, picture);
  const when = Date.now();
  const id = Math.max(when, (session.steps[0]?.id ?? 0) + 1); // no id comes twice, also after an undo
  const step: Step = { id, what, when, before };
  const steps = [step, ...session.steps].slice(0, UNDOABLE);
  const dropSteps = session.steps.slice(UNDOABLE - 1).map(({ id }) => id);
  await become(session, next, steps, { ...also, steps: [step], dropSteps }, known);
}

/** Takes the last step back, if it is the one that is meant. */
export async function undo(session: Session, id: number): Promise<Step> {
  const [last, ...steps] = session.steps;
  if (!last) throw new Error("There is nothing to undo.");
  if (last.id !== id)
    throw new Error("Something else was changed since. More lists all steps: undo the last one first.");
  await become(session, apply(session.kept, last.before), steps, { dropSteps: [last.id] }, session.pictures);
  return last;
}

async function become(
  session: Session,
  next: Kept,
  steps: readonly Step[],
  writing: Writing,
  known: ReadonlyMap<PictureId, StoredPicture>,
): Promise<void> {
  const back = difference(next, session.kept) ?? NO_CHANGE;
  const then = await taught(session.bundle, session.executor, session.computing, known, next, session.rows);
  await write(session.db, {
    ...writing,
    lessons: back.lessons,
    hidden: next.hidden,
    dismissed: next.dismissed,
    edits: next.edits,
    rows: { ...changedRows(session.rows, then.rows), digest: session.bundle.manifest.digest },
  });
  for (const { picture } of writing.pictures ?? []) session.pictures.set(picture.id, picture);
  const moved = back.hidden.map(([id]) => id);
  const said = [...back.lessons, ...back.dismissed].map(([id]) => id);
  const touched = new Set([...said, ...moved.filter((id) => !next.hidden.has(id))]);
  const same = then.rows === session.rows;
  await exchange(session, { ...then, kept: next, steps });
  session.listen({
    tags: tagViews(session),
    steps: stepViews(session),
    gone: moved.filter((id) => next.hidden.has(id)),
  });
  await suggest(session, [...touched], !same);
}

/** Takes over what comes next, and copies its rows to where the model reads them, all at once. */
async function exchange(session: Session, next: Partial<Session> & Taught): Promise<void> {
  await session.computing(async () => {
    const same = next.rows.blocks === session.rows.blocks;
    const blocks = same ? session.blocks : hold(session.executor, next.rows.blocks);
    if (!same) release(session.blocks);
    Object.assign(session, next, { blocks });
  });
}

/** Returns the rows of taught tags that are to be kept, and the tags whose rows are not any more. */
export function changedRows(before: TagRows, after: TagRows): { put: [TagId, TagRow][]; drop: TagId[] } {
  const worth = (row: TagRow | undefined) => row !== undefined && row.pictures.length > 0;
  const put = [...after.byTag].filter(([tag, row]) => worth(row) && before.byTag.get(tag) !== row);
  const drop = [...before.byTag].filter(([tag, row]) => worth(row) && !worth(after.byTag.get(tag))).map(([tag]) => tag);
  return { put, drop };
}
