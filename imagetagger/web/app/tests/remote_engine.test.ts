import { afterEach, expect, test, vi } from "vitest";
import type { Change, Engine, Snapshot } from "../src/api";
import { exposeEngine, remoteEngine } from "../src/remote_engine";
import { eventually } from "./eventually";

afterEach(() => vi.unstubAllGlobals());

/** Two ends of a port that delivers messages in order, each as a task of its own. */
function ports() {
  const end = () => Object.assign(new EventTarget(), { start() {}, postMessage: (_message: unknown) => {} });
  const [page, worker] = [end(), end()];
  const deliver = (to: EventTarget) => (message: unknown) => {
    const data = structuredClone(message);
    setTimeout(() => to.dispatchEvent(new MessageEvent("message", { data })));
  };
  page.postMessage = deliver(worker);
  worker.postMessage = deliver(page);
  return { page, worker };
}

const first: Change = { steps: [{ id: 1, what: { kind: "allReset" }, when: 1 }] };
const second: Change = { progress: null };

test("what the engine publishes and what it returns arrive in the order of sending", async () => {
  vi.stubGlobal("MessageChannel", () => {
    throw new Error("a second port has an order of its own");
  });
  const { page, worker } = ports();
  let publish = (_change: Change) => {};
  const engine: Partial<Engine> = {
    open: async (listen, takesOver) => {
      publish = listen;
      listen(first);
      return { reembedded: takesOver ? 1 : 0 } as Snapshot;
    },
    confirm: async () => {
      publish(first);
      setTimeout(() => publish(second)); // goes on after the call
    },
  };
  exposeEngine(engine as Engine, worker);
  const remote = remoteEngine(page);
  const arrived: unknown[] = [];
  const listen = (change: Change) => arrived.push(change);
  arrived.push(await remote.open(listen, true));
  await remote.confirm("a", [], []);
  arrived.push("confirmed");
  await eventually(() => expect(arrived.at(-1)).toEqual(second));
  expect(arrived).toEqual([first, { reembedded: 1 }, first, "confirmed", second]);
});

test("an error of the engine reaches the page", async () => {
  const { page, worker } = ports();
  const undo = () => Promise.reject(new Error("nothing to undo"));
  exposeEngine({ undo } as unknown as Engine, worker);
  await expect(remoteEngine(page).undo(1)).rejects.toThrow("nothing to undo");
});
