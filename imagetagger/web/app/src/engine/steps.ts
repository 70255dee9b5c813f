/** From one state of the user to the next: stored first, then shown; and back, by undo. */

import type { PictureId } from "../api";
import type { Act } from "../format/acts";
import { UserError } from "../format/problems";
import { checkLimits } from "../lessons/lessons";
import { type Changes, type Step, type StoredPicture, write } from "./database";
import { freeBlocks } from "./executor";
import { changedRows, type DerivedState, deriveState, type Session } from "./session";
import { suggest } from "./suggestions";
import { apply, difference, NO_CHANGE, type UserState } from "./user_state";
import { stepViews, tagViews } from "./views";

/** Steps that can be undone. */
const MAX_UNDO = 100;

/**
 * Goes on to the next state, as a step that can be undone. Stores first: a change that cannot be stored does not happen.
 *
 * @param what what the step does.
 * @param also stored with it; its pictures become known.
 * @param from the state that undo returns to.
 */
export async function change(
  session: Session,
  what: Act,
  next: UserState,
  also: Changes = {},
  from: UserState = session.state,
): Promise<void> {
  const before = difference(from, next);
  if (!before) return;
  checkLimits(next.edits, next.lessons.values());
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
  if (!last) throw new UserError({ kind: "nothingToUndo" });
  if (last.id !== id) throw new UserError({ kind: "changedSince" });
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
  const derived = await deriveState(session.bundle, session.computing, known, next, session.rows);
  await write(session.db, {
    ...changes,
    lessons: back.lessons,
    hidden: next.hidden,
    dismissed: next.dismissed,
    rejected: next.rejected,
    edits: next.edits,
    rows: { ...changedRows(session.rows, derived.rows), digest: session.bundle.manifest.digest },
  });
  for (const { picture } of changes.pictures ?? []) session.pictures.set(picture.id, picture);
  const moved = back.hidden.map(([id]) => id);
  const taught = [...back.lessons, ...back.dismissed, ...back.rejected].map(([id]) => id);
  const touched = new Set([...taught, ...moved.filter((id) => !next.hidden.has(id))]);
  const spelled = ({ edits }: UserState) => JSON.stringify([...edits.hidden].sort());
  const isSame = derived.rows === session.rows && spelled(next) === spelled(session.state);
  await replaceRows(session, { ...derived, state: next, steps });
  session.listen({
    tags: tagViews(session),
    steps: stepViews(session),
    gone: moved.filter((id) => next.hidden.has(id)),
  });
  await suggest(session, [...touched], !isSame);
}

/** Goes over to the next state, and frees the rows of the last one where the model read them. */
async function replaceRows(session: Session, next: Partial<Session> & DerivedState): Promise<void> {
  await session.computing(async () => {
    const isSame = next.rows.blocks === session.rows.blocks;
    if (!isSame && session.blocks) freeBlocks(session.blocks);
    Object.assign(session, next, { blocks: isSame ? session.blocks : null });
  });
}
