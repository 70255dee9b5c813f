import * as Comlink from "comlink";
import { expect, test } from "vitest";
import { inThread } from "../src/pixels/thread";

/** A worker whose file cannot be fetched. */
function broken(): Worker {
  const worker = Object.assign(new EventTarget(), {
    postMessage: () => void setTimeout(() => worker.dispatchEvent(new Event("error"))),
    terminate() {},
  });
  return worker as unknown as Worker;
}

/** A worker that adds one. */
function working(): Worker {
  const { port1, port2 } = new MessageChannel();
  Comlink.expose(async (value: number) => value + 1, port2 as unknown as Comlink.Endpoint);
  return port1 as unknown as Worker;
}

test("a worker that could not be loaded fails its calls, and the next call starts another one", async () => {
  const workers = [broken(), working()];
  const addOne = inThread<(value: number) => Promise<number>>(() => workers.shift() as Worker);
  const lost = { problem: { kind: "appNotLoaded" } };
  await Promise.all([1, 2].map((value) => expect(addOne(value)).rejects.toMatchObject(lost)));
  expect(await Promise.all([1, 2].map(addOne))).toEqual([2, 3]);
  expect(workers).toEqual([]);
});
