/** The tagger in use: a bundle, what its user taught, and the rows that follow from both. */

import type { Change, PictureId, TagId } from "../api";
import type { Bundle } from "../bundle/reader";
import type { Label } from "../format/labels";
import { type Lessons, vocabulary } from "../lessons/lessons";
import { adaptedCoverage } from "../prediction/predict";
import { queue } from "../queue";
import type { Database, Settings, Step, StoredPicture } from "./database";
import { type Blocks, type Executor, mergeRows } from "./executor";
import { type ShownWords, shownWords } from "./shown_words";
import { type TagRow, type TagRows, updateRows } from "./tag_statistics";
import { lessonsOf, type UserState } from "./user_state";

/** Runs a job of the model after the one before: no tensor is freed while it is read. The first waits for the model. */
export type Computing = <T>(job: (executor: Executor) => Promise<T>) => Promise<T>;

/** Its values are replaced, never changed in place; its fields and maps change. */
export interface Session extends DerivedState {
  readonly db: Database;
  readonly bundle: Bundle;
  readonly listen: (change: Change) => void;
  /** Every picture, hidden ones too. */
  readonly pictures: Map<PictureId, StoredPicture>;
  /** Log joints of a picture under all rows, and these rows. */
  readonly scores: Map<PictureId, { rows: TagRows; values: Float32Array }>;
  /** For changes: each begins where the one before ended. */
  readonly changing: ReturnType<typeof queue>;
  readonly computing: Computing;
  state: UserState;
  steps: readonly Step[];
  /** The blocks of `rows` where the model reads them; null until they are copied there. */
  blocks: Blocks | null;
  settings: Settings;
  /** Of suggestions: a newer round ends the older ones. */
  round: number;
}

/** What follows from a bundle and the user's state. */
export interface DerivedState {
  lessons: Lessons;
  vocabulary: ReadonlyMap<TagId, Label>;
  /** How hidden tags, and terms that are tags, are suggested. */
  shownWords: ShownWords;
  rows: TagRows;
  /** How many pictures taught each tag, (C), in the order of the vocabulary. */
  counts: Float32Array;
  /** What is added to the score of each tag, (C). */
  offsets: Float32Array;
  /** Of the next prediction set, so that the bundle's coverage is reached; null for rules without a guarantee. */
  coverage: number | null;
}

/** Returns a queue of jobs for a model that is loaded before the first of them. */
export function computingBy(load: () => Promise<Executor>): Computing {
  const inTurn = queue();
  let loading: Promise<Executor> | undefined;
  return (job) =>
    inTurn(async () => {
      loading ??= load();
      return job(await loading);
    });
}

/** Derives everything from the user's state, reusing unchanged rows of `before`. */
export async function deriveState(
  bundle: Bundle,
  computing: Computing,
  pictures: ReadonlyMap<PictureId, StoredPicture>,
  state: UserState,
  before: TagRows,
): Promise<DerivedState> {
  const lessons = lessonsOf(state, pictures);
  const words = vocabulary(bundle.labels, lessons, bundle.terms);
  const merge = (a: TagRow["total"], b: TagRow["total"]) => computing((executor) => mergeRows(executor, a, b));
  const shown = shownWords(words, bundle.terms, lessons.edits.hidden);
  const rows = await updateRows(before, bundle, lessons, words, merge, bundle.manifest.model.block);
  const counts = Float32Array.from(rows.byTag.values(), (row) => row.total.count[0] ?? 0);
  const offsets = Float32Array.from(rows.byTag.values(), (row) => row.scoreOffset);
  const missed = [...lessons.pictures.values()].flatMap((lesson) => lesson.missed ?? []);
  const coverage = adaptedCoverage(missed, bundle.manifest.decision.prediction_set);
  return { lessons, vocabulary: words, shownWords: shown, rows, counts, offsets, coverage };
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
