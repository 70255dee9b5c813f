import { beforeEach, expect, test, vi } from "vitest";
import { eventually } from "./eventually";
import { add, begin, made, opened, picture, pixels, world } from "./made_engine";

vi.mock("../src/bundle/reader", async (original) => ({
  ...(await original<object>()),
  ...(await import("./made_engine")).reader,
}));
vi.mock("../src/engine/executor", async () => (await import("./made_engine")).executor);
vi.mock("../src/pixels/decode", async () => (await import("./made_engine")).pixels);
vi.mock("../src/pixels/reader", async () => (await import("./made_engine")).pixels);

const notLoaded = { kind: "taggerNotLoaded" };

/** Makes the next model load when, or fail as soon as, the test says. */
function slowModel() {
  let [load, fail] = [() => {}, () => {}];
  world.loading = new Promise((resolve, reject) => {
    load = resolve;
    fail = () => reject(Object.assign(new Error("no model"), { problem: notLoaded }));
  });
  world.loading.catch(() => {}); // nobody may wait for it yet
  return { load, fail };
}

/** Two stored pictures, of which one has a tag; then the app, opened with a model that takes its time. */
async function reopened() {
  const [before] = await opened();
  await add(before, picture("a", 0), picture("b", 0));
  await before.confirm("a", ["n0"], []);
  const model = slowModel();
  const [app, snapshot] = await opened();
  return { app, snapshot, model };
}

/** What becomes of work by now, when all else that can be done is done. */
async function stateOf(work: Promise<unknown>): Promise<string> {
  let state = "pending";
  work.then(
    () => (state = "done"),
    () => (state = "failed"),
  );
  for (let i = 0; i < 50; i++) await new Promise((resume) => setTimeout(resume));
  return state;
}

const published = (id: string) => world.changes.flatMap(({ pictures = [] }) => pictures).find((each) => each.id === id);

beforeEach(({ task }) => begin(task.id));

test("stored pictures are shown while the model loads, and what needs it waits", async () => {
  const { app, snapshot, model } = await reopened();
  expect(snapshot.pictures.map(({ id, tags }) => [id, ...tags])).toEqual([["a", "n0"], ["b"]]);
  expect(snapshot.pictures.map(({ predicted }) => predicted)).toEqual([false, false]);
  expect(await app.crop("a")).toBeInstanceOf(Blob);
  const confirming = app.confirm("b", ["n1"], []);
  const adding = add(app, picture("c", 9));
  expect(await Promise.all([confirming, adding].map(stateOf))).toEqual(["pending", "pending"]);
  expect(world.changes).toEqual([]);
  model.load();
  await confirming;
  expect((await adding).added).toEqual(["c"]);
  await eventually(() => expect(published("b")?.predicted).toBe(true));
});

test("a stored state is brought to a new bundle only once its model is loaded", async () => {
  const { model } = await reopened();
  model.load();
  const next = slowModel();
  world.bundle = made("two", "longer");
  const opening = opened();
  expect(await stateOf(opening)).toBe("pending");
  next.fail();
  await expect(opening).rejects.toMatchObject({ problem: notLoaded });
  world.loading = Promise.resolve();
  expect((await opened())[1].reembedded).toBe(2);
});

test("a model that cannot be loaded is reported, and nothing is changed", async () => {
  const { app, model } = await reopened();
  const changes = [app.dismiss(["b"]), app.renameTag("n0", "ruby"), add(app, picture("c", 9))];
  const failing = changes.map((each) => expect(each).rejects.toMatchObject({ problem: notLoaded }));
  model.fail();
  await Promise.all(failing);
  await eventually(() => expect(world.changes).toEqual([{ failure: notLoaded }]));
  world.loading = Promise.resolve();
  const [, { pictures, tags }] = await opened();
  expect(pictures.map(({ id, confirmed }) => [id, confirmed])).toEqual([
    ["a", true],
    ["b", false],
  ]);
  expect(tags.map(({ name }) => name)).toEqual(["red", "blue"]);
});

test.each(["a stored state", "a new bundle"])("another tab takes over while the model loads, with %s", async (kind) => {
  const { app, model } = await reopened();
  const isNew = kind === "a new bundle";
  if (isNew) world.bundle = made("two", "longer");
  const opening = isNew ? opened() : Promise.resolve();
  const taken = { problem: { kind: "takenOver" } };
  const ends = expect(isNew ? opening : app.dismiss(["b"])).rejects.toMatchObject(taken);
  await stateOf(ends);
  const other = new BroadcastChannel(`imagetagger ${new URL(world.address).pathname}`);
  other.postMessage("Give it up, please.");
  await eventually(() => expect(world.changes).toContainEqual({ failure: { kind: "takenOver" } }));
  other.close();
  await ends;
  const changes = world.changes.length;
  model.load();
  await stateOf(world.loading);
  expect(world.changes).toHaveLength(changes);
  const [, { pictures, reembedded }] = await opened();
  expect([pictures.filter((each) => each.confirmed).length, reembedded]).toEqual([1, isNew ? 2 : 0]);
});

test("pictures chosen while the model loads are reported as missing when the model fails", async () => {
  const { app, model } = await reopened();
  const adding = expect(add(app, picture("c", 9), picture("d", 9))).rejects.toMatchObject({ problem: notLoaded });
  model.fail();
  await adding;
  world.loading = Promise.resolve();
  expect((await opened())[1].unfinished).toEqual({ left: 2, total: 2 });
});

test("pictures chosen while the model loads are reported as missing by a tab that takes over", async () => {
  const { app, model } = await reopened();
  const adding = expect(add(app, picture("c", 9))).rejects.toMatchObject({ problem: { kind: "takenOver" } });
  const other = new BroadcastChannel(`imagetagger ${new URL(world.address).pathname}`);
  other.postMessage("Give it up, please.");
  await adding;
  await eventually(() => expect(world.changes).toContainEqual({ failure: { kind: "takenOver" } }));
  other.close();
  model.load();
  expect((await opened())[1].unfinished).toEqual({ left: 1, total: 1 });
});

test("pictures chosen while the model loads are reported as missing after a tab that was closed", async () => {
  const { app, model } = await reopened();
  const closed = add(app, picture("c", 9), picture("d", 9));
  expect(await stateOf(closed)).toBe("pending");
  const [next, { unfinished }] = await opened();
  expect(unfinished).toEqual({ left: 2, total: 2 });
  const chosen = add(next, picture("c", 9), picture("d", 9), picture("e", 9));
  expect(await stateOf(chosen)).toBe("pending");
  model.load(); // which must not delete the newer note
  await Promise.all([closed, chosen]);
  expect((await opened())[1].unfinished).toBeNull();
});

test("that the model is loaded leaves the note about pictures that were chosen meanwhile", async () => {
  const { app, model } = await reopened();
  const reading = vi.spyOn(pixels, "readPicture").mockImplementation(() => new Promise(() => {}));
  void add(app, picture("c", 9), picture("d", 9));
  model.load();
  await eventually(() => expect(reading).toHaveBeenCalled());
  reading.mockRestore();
  expect((await opened())[1].unfinished).toEqual({ left: 2, total: 2 });
});
