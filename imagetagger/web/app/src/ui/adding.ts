import type { Added, Engine } from "../api";
import { queue } from "../engine/queue";

/** Files handed over at once: to clone a thousand of them stops the page for longer than one drawing may take. */
const CHUNK = 100;

/**
 * Adds files, one addition after the other, as the worker keeps one heap of files that wait.
 *
 * @param adding hears when an addition begins and when it ended.
 */
export function additions(engine: Pick<Engine, "take" | "add">, adding: (isUnderWay: boolean) => void) {
  const inTurn = queue();
  return (files: readonly File[]): Promise<Added> =>
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
