/** A bundle that is new to what was kept: tags are taken over by name, pictures embedded anew from their squares. */

import type { Change } from "../api";
import { adopt, taughtNames } from "../lessons/lessons";
import { readPicture } from "../pixels/decode";
import { BadImageError } from "../pixels/sniff";
import type { Bundle } from "./bundle";
import { type Database, type Stored, type StoredPicture, write } from "./database";
import { type Executor, embed } from "./executor";
import { type Kept, lessonsOf } from "./kept";

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
  const news = stored.bundle?.digest === digest ? null : adopted(stored, bundle);
  if (anew.length || news) await write(db, { pictures: anew.map((picture) => ({ picture })), ...news });
  const usable = [...stored.pictures.values()].filter((picture) => picture.space === space);
  const pictures = new Map([...usable, ...anew].map((picture) => [picture.id, picture]));
  const lessons = new Map([...stored.kept.lessons].filter(([id]) => pictures.has(id)));
  const kept = { ...stored.kept, lessons, edits: news?.edits ?? stored.kept.edits };
  const unreadable = others.length - anew.length;
  return { stored: { ...stored, ...news, pictures, kept }, embeddedAnew: anew.length, unreadable };
}

async function embedAnew(db: Database, { manifest }: Bundle, executor: Executor, { id }: StoredPicture) {
  const blob = await db.get("squares", id);
  if (!blob) return undefined;
  try {
    const { square } = await readPicture(blob, manifest.image.size, manifest.image.pixel_limit);
    return await embed(executor, square);
  } catch (error) {
    if (error instanceof BadImageError) return undefined;
    throw error; // the others cannot be read either: the device or the browser is to blame
  }
}

/** Returns what is otherwise under the bundle: names of tags that it lacks, and no threshold of another bundle. */
function adopted({ kept, pictures, steps, bundle: last }: Stored, bundle: Bundle) {
  const lessons = lessonsOf(kept, pictures);
  const names = taughtNames(last?.labels ?? [], lessons);
  const take = (edits: Kept["edits"]) => adopt({ ...lessons, edits }, bundle.labels, names).edits;
  return {
    edits: take(kept.edits),
    steps: steps.map((step) =>
      step.before.edits ? { ...step, before: { ...step.before, edits: take(step.before.edits) } } : step,
    ),
    settings: { threshold: null },
    bundle: { digest: bundle.manifest.digest, labels: bundle.labels },
  };
}
