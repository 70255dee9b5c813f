/** Predictions for all pictures, published again whenever rows or the threshold change. */

import type { PictureId, PictureView } from "../api";
import { copyBlocks, scoreRows } from "./executor";
import type { Session } from "./session";
import { pictureView, shown } from "./views";

/** Pictures published at once: few enough that page and worker stay responsive. */
const CHUNK = 20;

/** Returns the scores of a picture under the rows in use; undefined for an unknown picture. */
export async function scoresOf(session: Session, id: PictureId): Promise<Float32Array | undefined> {
  const picture = session.pictures.get(id);
  if (!picture) return undefined;
  await session.computing(async (executor) => {
    if (session.scores.get(id)?.rows === session.rows) return;
    session.blocks ??= copyBlocks(executor, session.rows.blocks);
    const values = await scoreRows(executor, picture.embedding, session.blocks);
    session.scores.set(id, { rows: session.rows, values });
  });
  return session.scores.get(id)?.values;
}

/** Publishes the predictions of these pictures, then those of all others, the newest first, in the background. */
export async function suggest(session: Session, first: readonly PictureId[], others = true): Promise<void> {
  if (others) session.round += 1;
  const { round } = session;
  await publish(session, first, round);
  const published = new Set(first);
  const rest = others ? shown(session).filter((id) => !published.has(id)) : [];
  void publish(session, rest, round);
}

async function publish(session: Session, ids: readonly PictureId[], round: number): Promise<void> {
  for (let i = 0; i < ids.length; i += CHUNK) {
    const pictures: PictureView[] = [];
    for (const id of ids.slice(i, i + CHUNK)) {
      await scoresOf(session, id);
      if (session.round !== round) return;
      const view = pictureView(session, id);
      if (view) pictures.push(view);
    }
    session.listen({ pictures });
    await new Promise((resume) => setTimeout(resume)); // the model blocks the worker
  }
}
