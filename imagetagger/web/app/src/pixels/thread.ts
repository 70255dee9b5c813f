/** A function that runs in a worker of its own, which is started when it is first needed. */

import * as Comlink from "comlink";
import { UserError } from "../format/problems";

/** A function of structured-cloneable arguments, as Comlink exposes it. */
// biome-ignore lint/suspicious/noExplicitAny: as in the type of any function
type Asynchronous = (...values: any[]) => Promise<unknown>;

/**
 * Returns the function that a worker exposes.
 *
 * @param start starts the worker; bundlers find its file only where `new Worker(new URL(...))` is written out.
 * @throws UserError where the worker cannot be loaded, or breaks down; the next call starts another one.
 */
export function inThread<F extends Asynchronous>(start: () => Worker): F {
  let run: F | undefined;
  return ((...values) => {
    run ??= startThread<F>(start(), () => {
      run = undefined;
    });
    return run(...values);
  }) as F;
}

function startThread<F extends Asynchronous>(worker: Worker, onLost: () => void): F {
  const remote = Comlink.wrap<F>(worker) as unknown as F;
  const lost = new Promise<never>((_, reject) => {
    worker.addEventListener("error", () => {
      worker.terminate();
      onLost();
      reject(new UserError({ kind: "appNotLoaded" }));
    });
  });
  lost.catch(() => {}); // each call reports it
  return ((...values) => Promise.race([remote(...values), lost])) as F;
}
