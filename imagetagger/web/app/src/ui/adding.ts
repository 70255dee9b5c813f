import type { Added, Engine, Incoming } from "../api";
import { queue } from "../queue";

/** Files handed over at once: cloning a thousand of them stops the page for longer than a frame. */
const CHUNK = 100;

/** What became of added files, in numbers. */
export function countsOf({ added, again, refused, cancelled }: Added) {
  return { added: added.length, again: again.length, refused: refused.length, isCancelled: cancelled };
}

/**
 * Adds files, one addition after the other: the worker has one list of waiting files.
 *
 * @param adding called when an addition begins and when it ends.
 */
export function additions(engine: Pick<Engine, "take" | "add">, adding: (isUnderWay: boolean) => void) {
  const inTurn = queue();
  return (files: readonly Incoming[]): Promise<Added> =>
    inTurn(async () => {
      adding(true);
      try {
        for (let i = 0; i < files.length; i += CHUNK) await engine.take(files.slice(i, i + CHUNK));
        return await engine.add();
      } finally {
        adding(false);
      }
    });
}
