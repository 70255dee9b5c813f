/** A new bundle for the stored state: tags are adopted by name, pictures embedded again from their squares. */

import type { Change, TagId } from "../api";
import type { Bundle } from "../bundle/reader";
import { adoptLessons, separated, taughtNames, twins, type VocabularyEdits } from "../lessons/lessons";
import { readSquare } from "../pixels/decode";
import { BadImageError } from "../pixels/sniff";
import { type Database, type Step, type Stored, type StoredPicture, write } from "./database";
import { embedImage } from "./executor";
import type { Computing } from "./session";
import { lessonsOf, NO_CHANGE } from "./user_state";

/** The stored state under this bundle. */
export interface Updated {
  stored: Stored;
  reembedded: number;
  /** Pictures whose squares are damaged: they stay in the database, but are left out, with their lessons. */
  unreadable: number;
}

/** Whether the stored state is that of a bundle, so that `update` has nothing to do. */
export function isCurrent({ bundle, pictures }: Stored, { manifest }: Bundle): boolean {
  const { digest, embedding_space } = manifest;
  return bundle?.digest === digest && [...pictures.values()].every(({ space }) => space === embedding_space);
}

/** Brings the stored state to this bundle, completely or not at all. */
export async function update(
  db: Database,
  bundle: Bundle,
  computing: Computing,
  stored: Stored,
  listen: (change: Change) => void,
): Promise<Updated> {
  const { digest, embedding_space: space } = bundle.manifest;
  const others = [...stored.pictures.values()].filter((picture) => picture.space !== space);
  const embedded: StoredPicture[] = [];
  for (const [done, picture] of others.entries()) {
    listen({ progress: { kind: "reembedding", done, total: others.length } });
    const embedding = await reembed(db, bundle, computing, picture);
    if (embedding) embedded.push({ ...picture, embedding, space });
  }
  if (others.length) listen({ progress: null });
  const adopted = stored.bundle?.digest === digest ? null : adopt(stored, bundle);
  if (embedded.length || adopted) await write(db, { pictures: embedded.map((picture) => ({ picture })), ...adopted });
  const usable = [...stored.pictures.values()].filter((picture) => picture.space === space);
  const pictures = new Map([...usable, ...embedded].map((picture) => [picture.id, picture]));
  const lessons = new Map([...stored.state.lessons].filter(([id]) => pictures.has(id)));
  const state = { ...stored.state, lessons, edits: adopted?.edits ?? stored.state.edits };
  const unreadable = others.length - embedded.length;
  return { stored: { ...stored, ...adopted, pictures, state }, reembedded: embedded.length, unreadable };
}

async function reembed(db: Database, { manifest }: Bundle, computing: Computing, { id }: StoredPicture) {
  const blob = await db.get("squares", id);
  if (!blob) return undefined;
  try {
    const { square } = await readSquare(blob, manifest.image.size, manifest.image.pixel_limit);
    return await computing((executor) => embedImage(executor, square));
  } catch (error) {
    if (error instanceof BadImageError) return undefined;
    throw error; // a fault of the device or the browser, not of this picture
  }
}

/** Returns what changes under a new bundle: tags are those of its own of their names, and no threshold of another one. */
function adopt({ state, pictures, steps, bundle: last }: Stored, bundle: Bundle) {
  const lessons = lessonsOf(state, pictures);
  const adoptEdits = (edits: VocabularyEdits) => {
    const taught = { ...lessons, edits };
    return adoptLessons(taught, bundle.labels, taughtNames(last?.labels ?? [], taught), bundle.terms).edits;
  };
  const edits = adoptEdits(state.edits);
  const merged = twins(state.edits, edits);
  // Earlier states are reached only by undoing that tags became one: then those are apart there, too.
  const adoptEarlier = (before: VocabularyEdits) => {
    const adopted = adoptEdits(before);
    return merged.length ? separated(adopted, twins(before, adopted)) : adopted;
  };
  const earlier = steps.map((step) =>
    step.before.edits ? { ...step, before: { ...step.before, edits: adoptEarlier(step.before.edits) } } : step,
  );
  return {
    edits,
    steps: merged.length ? [...earlier, mergingStep(steps, edits, merged)] : earlier,
    settings: { threshold: null },
    bundle: {
      digest: bundle.manifest.digest,
      labels: [...bundle.labels, ...bundle.terms].map(({ id, name }) => ({ id, name })),
    },
  };
}

/** Returns the step that made tags of the user's one with the bundle's; undoing it keeps them apart. */
function mergingStep(steps: readonly Step[], edits: VocabularyEdits, merged: readonly TagId[]): Step {
  const when = Date.now();
  const id = Math.max(when, ...steps.map((step) => step.id + 1));
  const tags = merged.map((tag) => edits.names.get(tag) ?? tag);
  const before = { ...NO_CHANGE, edits: separated(edits, merged) };
  return { id, what: { kind: "twinsMerged", tags }, when, before };
}
