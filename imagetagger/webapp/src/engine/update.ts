/** A bundle that is new to what was kept: tags are taken over by name, pictures embedded anew from their squares. */

import type { Change } from "../api";
import { adopt, taughtNames } from "../lessons/lessons";
import { readPicture } from "../pixels/decode";
import type { Bundle } from "./bundle";
import { type Database, type Stored, type StoredPicture, write } from "./database";
import { type Executor, embed } from "./executor";
import { type Kept, lessonsOf, NOTHING } from "./kept";

/** What is kept, as this bundle sees it. */
export interface Updated {
  stored: Stored;
  embeddedAnew: number;
  /** Pictures whose squares are damaged: they stay as they are in the database, and are left out, with their lessons. */
  unreadable: number;
}

/** Makes what was kept this bundle's, whole or not at all. */
export async function update(
  db: Database,
  bundle: Bundle,
  executor: Executor,
  stored: Stored,
  listen: (change: Change) => void,
): Promise<Updated> {
  const { digest, embedding_space: space } = bundle.manifest;
  const others = [...stored.pictures.values()].filter((picture) => picture.space !== space);
  const anew: StoredPicture[] = [];
  for (const [done, picture] of others.entries()) {
    listen({ progress: { what: "A new tagger looks at your pictures", done, total: others.length } });
    const embedding = await embedAnew(db, bundle, executor, picture);
    if (embedding) anew.push({ ...picture, embedding, space });
  }
  if (others.length) listen({ progress: null });
  const taken = stored.bundle?.digest === digest ? stored : adopted(stored, bundle);
  if (anew.length || taken !== stored) {
    const { kept, steps, settings, bundle: last } = taken;
    const edits = (kept ?? NOTHING).edits;
    const writing =
      taken === stored ? {} : { edits, steps, ...(settings && { settings }), ...(last && { bundle: last }) };
    await write(db, { pictures: anew.map((picture) => ({ picture })), ...writing });
  }
  const usable = [...stored.pictures.values()].filter((picture) => picture.space === space);
  const pictures = new Map([...usable, ...anew].map((picture) => [picture.id, picture]));
  const unreadable = others.length - anew.length;
  return { stored: { ...taken, pictures, kept: within(taken.kept, pictures) }, embeddedAnew: anew.length, unreadable };
}

async function embedAnew(db: Database, { manifest }: Bundle, executor: Executor, { id }: StoredPicture) {
  const blob = await db.get("squares", id);
  const found = blob && (await readPicture(blob, manifest.image.size, manifest.image.pixel_limit).catch(() => null));
  return found && embed(executor, found.square);
}

/** Returns what was kept with the names of tags that the bundle lacks, and without a threshold of another bundle. */
function adopted(stored: Stored, bundle: Bundle): Stored {
  const kept = stored.kept ?? NOTHING;
  const lessons = lessonsOf(kept, stored.pictures);
  const names = taughtNames(stored.bundle?.labels ?? [], lessons);
  const take = (edits: Kept["edits"]) => adopt({ ...lessons, edits }, bundle.labels, names).edits;
  const steps = stored.steps.map((step) =>
    step.before.edits ? { ...step, before: { ...step.before, edits: take(step.before.edits) } } : step,
  );
  const last = { digest: bundle.manifest.digest, labels: bundle.labels };
  return { ...stored, steps, kept: { ...kept, edits: take(kept.edits) }, settings: { threshold: null }, bundle: last };
}

function within(kept: Kept | undefined, pictures: ReadonlyMap<string, StoredPicture>): Kept | undefined {
  return kept && { ...kept, lessons: new Map([...kept.lessons].filter(([id]) => pictures.has(id))) };
}
