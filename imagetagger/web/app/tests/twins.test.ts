import { beforeEach, expect, test, vi } from "vitest";
import { add, begin, made, opened, picture, world } from "./made_engine";

vi.mock("../src/bundle/reader", async (original) => ({
  ...(await original<object>()),
  ...(await import("./made_engine")).reader,
}));
vi.mock("../src/engine/executor", async () => (await import("./made_engine")).executor);
vi.mock("../src/pixels/decode", async () => (await import("./made_engine")).pixels);
vi.mock("../src/pixels/reader", async () => (await import("./made_engine")).pixels);

beforeEach(({ task }) => begin(task.id));

const known = (digest: string) => made(digest, "s", ["red", "goldfish"]);
type Opened = Awaited<ReturnType<typeof opened>>[1];
const taught = ({ tags }: Pick<Opened, "tags">) => tags.map(({ id, taught }) => [id, taught]);

/** Teaches the user's own goldfish one picture, under a bundle that has none. */
async function taughtGoldfish() {
  const [app] = await opened();
  await add(app, picture("a", 4));
  await app.confirm("a", [], ["Goldfish"]);
  return app;
}

test("under a bundle that knows a tag of the user's, both are one: what was taught counts for the bundle's", async () => {
  await taughtGoldfish();
  world.bundle = known("two");
  const [, snapshot] = await opened();
  expect(taught(snapshot)).toEqual([
    ["n0", 0],
    ["n1", 1],
  ]);
  expect(snapshot.tags[1]).toMatchObject({ name: "goldfish", pictures: 6 });
  expect(snapshot.pictures.map(({ tags }) => tags)).toEqual([["n1"]]);
  expect(snapshot.steps[0]?.what).toEqual({ kind: "twinsMerged", tags: ["Goldfish"] });
});

test("undone, they are apart, also under later bundles, and earlier steps can be undone", async () => {
  await taughtGoldfish();
  world.bundle = known("two");
  const [app, { steps: all }] = await opened();
  await app.undo(all[0]?.id ?? 0);
  const apart = [
    ["n0", 0],
    ["n1", 0],
    ["user:goldfish", 1],
  ];
  for (const digest of ["two", "three"]) {
    world.bundle = known(digest);
    const [, snapshot] = await opened();
    expect(taught(snapshot)).toEqual(apart);
    expect(snapshot.pictures.map(({ tags }) => tags)).toEqual([["user:goldfish"]]);
  }
  const [again, { steps: left }] = await opened();
  for (const { id } of left) await again.undo(id);
  expect(taught((await opened())[1])).toEqual(apart.slice(0, 2));
});

test("imported lessons are those of the bundle's tag, as one step", async () => {
  const lessons = await (await taughtGoldfish()).exportLessons();
  world.address += "other/";
  world.bundle = known("two");
  const [app] = await opened();
  expect(await app.importLessons(lessons)).toEqual({ pictures: 1, tags: 0 });
  const [again, snapshot] = await opened();
  expect(taught(snapshot)).toEqual([
    ["n0", 0],
    ["n1", 1],
  ]);
  await again.undo(snapshot.steps[0]?.id ?? 0);
  expect(taught((await opened())[1])).toEqual([
    ["n0", 0],
    ["n1", 0],
  ]);
});
