/** What the tagger says of pictures, told again whenever rows or the threshold change. */

import type { PictureId, PictureView } from "../api";
import { score } from "./executor";
import type { Session } from "./session";
import { pictureView, shown } from "./views";

/** Pictures told at once: few enough that the page stays responsive, and the worker hears what it asks meanwhile. */
const CHUNK = 20;

/** Scores a picture under the rows in use, unless that is known. */
export async function scored(session: Session, id: PictureId): Promise<Float32Array | undefined> {
  const picture = session.pictures.get(id);
  if (!picture) return undefined;
  await session.computing(async () => {
    if (session.scores.get(id)?.of === session.rows) return;
    const values = await score(session.executor, picture.embedding, session.blocks);
    session.scores.set(id, { of: session.rows, values });
  });
  return session.scores.get(id)?.values;
}

/** Tells of these pictures at once, and of all others, the newest first, without being waited for. */
export async function suggest(session: Session, first: readonly PictureId[], others = true): Promise<void> {
  if (others) session.round += 1;
  const { round } = session;
  await tell(session, first, round);
  const told = new Set(first);
  const rest = others ? shown(session).filter((id) => !told.has(id)) : [];
  void tell(session, rest, round);
}

async function tell(session: Session, ids: readonly PictureId[], round: number): Promise<void> {
  for (let i = 0; i < ids.length; i += CHUNK) {
    const pictures: PictureView[] = [];
    for (const id of ids.slice(i, i + CHUNK)) {
      await scored(session, id);
      if (session.round !== round) return;
      const view = pictureView(session, id);
      if (view) pictures.push(view);
    }
    session.listen({ pictures });
    await new Promise((resume) => setTimeout(resume)); // the model never lets go by itself
  }
}
