/**
 * The engine between page and worker: calls by Comlink, changes by the same port.
 *
 * A port keeps the order of its messages, and two ports keep none: were a callback's port used, a change might reach the
 * page after the result of the call that made it, or before the snapshot that it changes.
 */

import * as Comlink from "comlink";
import type { Change, Engine, Snapshot } from "./api";

/** A published change, which Comlink passes over, as it answers no call. */
interface Published {
  change: Change;
}

/** The engine as Comlink exposes it: a function cannot cross. */
type Exposed = Omit<Engine, "open"> & { open(takesOver?: boolean): Promise<Snapshot> };

/** Lets the other end of a port use an engine. */
export function exposeEngine(engine: Engine, port: Comlink.Endpoint): void {
  const publish = (change: Change) => port.postMessage({ change } satisfies Published);
  const exposed: Exposed = { ...engine, open: (takesOver) => engine.open(publish, takesOver) };
  Comlink.expose(exposed, port);
}

/** Returns the engine that the other end of a port exposes; its `open` is called once. */
export function remoteEngine(port: Comlink.Endpoint): Engine {
  const remote = Comlink.wrap<Exposed>(port);
  const open: Engine["open"] = (listen, takesOver) => {
    port.addEventListener("message", (event) => {
      const { change } = ((event as MessageEvent).data ?? {}) as Partial<Published>;
      if (change !== undefined) listen(change);
    });
    return remote.open(takesOver);
  };
  return new Proxy(remote as unknown as Engine, {
    get: (calls, name) => (name === "open" ? open : Reflect.get(calls, name)),
  });
}
