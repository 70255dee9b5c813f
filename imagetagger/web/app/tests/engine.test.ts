import { beforeEach, expect, test, vi } from "vitest";
import { eventually } from "./eventually";
import { add, begin, change, made, opened, picture, steps, world } from "./made_engine";
import { unzipped } from "./unzipped";

vi.mock("../src/bundle/reader", async (original) => ({
  ...(await original<object>()),
  ...(await import("./made_engine")).reader,
}));
vi.mock("../src/engine/executor", async () => (await import("./made_engine")).executor);
vi.mock("../src/pixels/decode", async () => (await import("./made_engine")).pixels);
vi.mock("../src/pixels/reader", async () => (await import("./made_engine")).pixels);

/** How a step of an older version takes back the lesson of a. */
const BEFORE = { lessons: [["a", null]], hidden: [] };

beforeEach(({ task }) => begin(task.id));

test("lessons and steps are there after opening again", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.confirm("a", [], ["Rex"]);
  await app.confirm("b", ["user:rex"], []);
  const [again, snapshot] = await opened();
  expect(snapshot.pictures.map(({ id, tags }) => [id, ...tags])).toEqual([
    ["a", "user:rex"],
    ["b", "user:rex"],
  ]);
  expect(snapshot.tags.find(({ id }) => id === "user:rex")).toMatchObject({ pictures: 2, taught: 2 });
  for (const step of snapshot.steps) await again.undo(step.id);
  const [, empty] = await opened();
  expect([empty.pictures.length, empty.tags.length, empty.steps.length]).toEqual([0, 2, 0]);
});

test("a removed picture is gone at the next opening, and the steps of others can still be undone", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.teach(["a", "b"], [], ["Rex"]);
  await app.remove(["a"], false);
  await opened();
  const [again] = await opened();
  await again.removeTag("user:rex");
  const [last, without] = await opened();
  expect(without.tags.map(({ name }) => name)).not.toContain("Rex");
  expect(without.steps.length).toBeGreaterThan(1);
  await last.undo(without.steps[0]?.id ?? 0);
  const [, back] = await opened();
  expect(back.tags.find(({ name }) => name === "Rex")?.taught).toBe(1); // by b: a is gone
});

test("a picture that is removed while others are added stays removed", async () => {
  const [app] = await opened();
  const files = Array.from({ length: 20 }, (_, i) => picture(`p${i}`, i));
  await app.take(files.map((file) => ({ file, folder: "" })));
  const adding = app.add();
  await eventually(() => expect(world.changes.some(({ pictures }) => pictures?.[0]?.id === "p0")).toBe(true));
  await app.remove(["p0"], true);
  await adding;
  const [, snapshot] = await opened();
  expect(snapshot.pictures.map(({ id }) => id)).not.toContain("p0");
  expect(snapshot.pictures).toHaveLength(19);
});

test("a cancelled addition reads no more, and what it left can be added at once", async () => {
  const [app] = await opened();
  const files = Array.from({ length: 20 }, (_, i) => picture(`p${i}`, i));
  const slow = files.map((file, i) => {
    const text = async () => {
      if (i === 3) app.cancel(); // while it is read ahead
      await new Promise((done) => setTimeout(done, 30));
      return file.text();
    };
    return Object.assign(picture(file.name, i), { text });
  });
  const { added, left, cancelled } = await add(app, ...slow);
  expect([world.reading, cancelled, added.length + left.length]).toEqual([0, true, 20]);
  const again = await add(app, ...files);
  expect([again.added.length, again.again.length, again.refused]).toEqual([left.length, added.length, []]);
});

test("what another tab that takes the app over finds, and is said to be missing, are all pictures", async () => {
  const [app] = await opened();
  const files = Array.from({ length: 60 }, (_, i) => picture(`p${i}`, i));
  await app.take(files.map((file) => ({ file, folder: "" })));
  const adding = app.add();
  const changes = Array.from({ length: 3 }, (_, i) => app.addTag(`tag ${i}`)); // which must end first
  const other = new BroadcastChannel(`imagetagger ${new URL(world.address).pathname}`);
  other.postMessage("Give it up, please.");
  await eventually(() => expect(world.changes).toContainEqual({ failure: { kind: "takenOver" } }));
  other.close();
  await Promise.all(changes);
  const { added } = await adding;
  const [, snapshot] = await opened();
  expect(snapshot.pictures.map(({ id }) => id).sort()).toEqual([...added].sort());
  expect(snapshot.unfinished).toEqual({ left: 60 - added.length, total: 60 });
});

test("another bundle of the same space takes effect at once, and keeps the names of tags that it lacks", async () => {
  const [app] = await opened();
  await add(app, picture("a", 9));
  await app.confirm("a", ["n1"], []);
  await app.setThreshold(0.7);
  world.bundle = made("two", "s", ["red"]);
  const [other, snapshot] = await opened();
  expect([snapshot.threshold.value, snapshot.reembedded]).toEqual([0.9, 0]);
  expect(snapshot.tags.map(({ name }) => name)).toEqual(["red", "blue"]);
  await other.addTag("more");
  const [, again] = await opened();
  expect(again.tags.map(({ name }) => name)).toEqual(["red", "blue", "more"]);
});

test("a bundle of another space embeds pictures again, and leaves out unreadable ones until the old bundle is back", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.teach(["a", "b"], [], ["Rex"]);
  await change("squares", (squares) => squares.put(new Blob(["{}"]), "b"));
  world.bundle = made("two", "longer");
  const [, other] = await opened();
  expect([other.reembedded, other.unreadable, other.pictures.length]).toEqual([1, 1, 1]);
  expect(other.tags.find(({ name }) => name === "Rex")?.taught).toBe(1);
  world.bundle = made("one", "s");
  const [, back] = await opened();
  expect([back.reembedded, back.unreadable, back.pictures.length]).toEqual([1, 0, 2]);
  expect(back.tags.find(({ name }) => name === "Rex")?.taught).toBe(2);
});

test("a browser that hides pixels does not open a bundle that must embed pictures again, and loses none of them", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.teach(["a", "b"], [], ["Rex"]);
  await app.remove(["a"], false);
  const lessons = await app.exportLessons();
  world.bundle = made("two", "longer");
  world.isBlind = true;
  await expect(opened()).rejects.toMatchObject({ problem: { kind: "hiddenPixels" } });
  world.isBlind = false;
  const [other, { tags, reembedded }] = await opened();
  expect([reembedded, tags.find(({ name }) => name === "Rex")?.taught]).toEqual([2, 2]);
  world.isBlind = true;
  await other.resetAll();
  await other.remove(["b"], true);
  const [empty] = await opened();
  await expect(empty.importLessons(lessons)).rejects.toMatchObject({ problem: { kind: "hiddenPixels" } });
});

test("a removed picture whose square cannot be read keeps it", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4));
  await app.teach(["a"], [], ["Rex"]);
  await app.remove(["a"], false);
  await change("squares", (squares) => squares.put(new Blob(["{}"]), "a"));
  world.bundle = made("two", "longer");
  expect((await opened())[1].unreadable).toBe(1);
  world.bundle = made("one", "s");
  const [, { tags }] = await opened();
  expect(tags.find(({ name }) => name === "Rex")?.taught).toBe(1);
});

test("a step is stored as data, and is the same after opening again", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.confirm("a", [], ["Rex", "Max"]);
  await app.renameTag("user:rex", "King");
  await app.teach(["a", "b"], ["user:max"], []);
  await app.confirm("a", [], []);
  await app.dismiss(["a"]);
  await app.mergeTags("user:max", "n0");
  const one = { count: 1, name: "a.png" };
  const expected = [
    { kind: "tagMerged", tag: "Max", into: "red" },
    { kind: "dismissed", pictures: one },
    { kind: "untagged", pictures: one },
    { kind: "confirmed", tags: ["Max"], pictures: { count: 2, name: null } },
    { kind: "tagRenamed", tag: "Rex", name: "King" },
    { kind: "confirmed", tags: ["Rex", "Max"], pictures: one },
    { kind: "added", pictures: { count: 2, name: null } },
  ];
  expect(steps().map(({ what }) => what)).toEqual(expected);
  const [again, snapshot] = await opened();
  expect(snapshot.steps.map(({ what }) => what)).toEqual(expected);
  expect((await again.undo(snapshot.steps[0]?.id ?? 0)).what).toEqual(expected[0]);
});

test("a step of an older version, which stored words, still shows them, and can be undone", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4));
  await app.confirm("a", ["n0"], []);
  await change("steps", (all) => {
    for (const step of steps()) all.put({ ...step, what: "Learned red from a.png", before: BEFORE }, step.id);
  });
  const [again, { steps: old }] = await opened();
  expect(old[0]?.what).toEqual({ kind: "worded", text: "Learned red from a.png" });
  await again.undo(old[0]?.id ?? 0);
  expect((await opened())[1].pictures.map(({ tags }) => tags)).toEqual([[]]);
});

test("steps of an older version can be undone, and forget removed pictures", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.confirm("a", ["n0"], []);
  await app.remove(["b"], false);
  await change("steps", (all) => {
    for (const step of steps()) all.put({ ...step, before: { lessons: [], hidden: [["b", false]] } }, step.id);
  });
  await opened();
  const [again, { steps: left }] = await opened();
  expect(left).toEqual([]);
  await again.confirm("a", [], []);
  await change("steps", (all) => {
    for (const step of steps())
      all.put({ ...step, before: { lessons: [["a", { tags: ["n1"], missed: null, at: 1 }]], hidden: [] } }, step.id);
  });
  const [last, { steps: one }] = await opened();
  await last.undo(one[0]?.id ?? 0);
  expect((await opened())[1].pictures.map(({ tags }) => tags)).toEqual([["n1"]]);
});

test("only the last step is undone, and only by its id", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4));
  await app.confirm("a", ["n0"], []);
  const [learned, added] = steps();
  await expect(app.undo(added?.id ?? 0)).rejects.toMatchObject({ problem: { kind: "changedSince" } });
  await app.undo(learned?.id ?? 0);
  expect(steps()).toEqual([added]);
  await app.undo(added?.id ?? 0);
  await expect(app.undo(1)).rejects.toMatchObject({ problem: { kind: "nothingToUndo" } });
});

test("a dismissed picture is confirmed, until the step is undone, and can be taught", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.dismiss(["a"]);
  await app.dismiss(["b"]);
  await app.confirm("b", ["n0"], []);
  const [again, { pictures, steps, tags }] = await opened();
  expect(pictures.map(({ id, confirmed, tags }) => [id, confirmed, ...tags])).toEqual([
    ["a", true],
    ["b", true, "n0"],
  ]);
  expect(tags.map(({ taught }) => taught)).toEqual([1, 0]);
  await expect(again.dismiss(["b"])).rejects.toMatchObject({ problem: { kind: "stillTagged" } });
  for (const step of steps.slice(0, -1)) await again.undo(step.id);
  expect((await opened())[1].pictures.map(({ confirmed }) => confirmed)).toEqual([false, false]);
});

test("pictures are confirmed together, each with its own tags, as one step", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4), picture("c", 4));
  const confirmed = [
    { picture: "a", tags: ["n0"] },
    { picture: "b", tags: ["n1", "n0"] },
  ];
  await app.confirmAll(confirmed, [{ picture: "c", tags: ["n0"] }]);
  const [again, { pictures, steps }] = await opened();
  const rejectedOf = (all: typeof pictures) => all.find(({ id }) => id === "c")?.rejected;
  expect(rejectedOf(pictures)).toEqual(["n0"]);
  const tagsOf = new Map(pictures.map(({ id, tags }) => [id, tags]));
  expect(confirmed.map(({ picture }) => tagsOf.get(picture))).toEqual([["n0"], ["n1", "n0"]]);
  expect(steps[0]?.what).toEqual({ kind: "confirmed", tags: [], pictures: { count: 2, name: null } });
  const lessons = await unzipped(await again.exportLessons());
  expect(
    JSON.parse(lessons.get("lessons.json") ?? "").pictures.map(({ missed }: { missed: unknown }) => missed),
  ).toEqual([null, null]); // chosen for being likely, they say nothing of coverage
  await again.undo(steps[0]?.id ?? 0);
  const undone = (await opened())[1].pictures;
  expect(undone.filter((each) => each.confirmed)).toEqual([]);
  expect(rejectedOf(undone)).toEqual([]);
});

test("an addition that did not end is shown once, with what is left", async () => {
  const [app] = await opened();
  const files = Array.from({ length: 400 }, (_, i) => ({ file: picture(`p${i}`, i), folder: "" }));
  await app.take(files);
  const adding = app.add();
  await eventually(() => expect(world.changes.some(({ pictures }) => pictures?.[0]?.id === "p1")).toBe(true));
  const [, { unfinished }] = await opened();
  expect(unfinished?.total).toBe(400);
  expect(unfinished?.left).toBeGreaterThan(0);
  expect(unfinished?.left).toBeLessThan(399);
  await adding;
  expect((await opened())[1].unfinished).toBeNull();
});

test("files after a cancellation, and those that the browser failed on, can be added later; damaged ones cannot", async () => {
  const [app] = await opened();
  const damaged = { file: new File(["{}"], "damaged"), folder: "" };
  const files = Array.from({ length: 200 }, (_, i) => ({ file: picture(`p${i}`, i), folder: "" }));
  const all = [damaged, ...files].map((_, i) => i);
  await app.take([damaged, ...files]);
  const adding = app.add();
  await eventually(() => expect(world.changes.some(({ pictures }) => pictures?.[0]?.id === "p1")).toBe(true));
  app.cancel();
  const { cancelled, added, refused, left } = await adding;
  expect(cancelled).toBe(true);
  expect(left).toEqual(all.slice(added.length + refused.length));
  world.isBlind = true;
  await app.take([damaged, ...files]);
  expect((await app.add()).left).toEqual(all);
  world.isBlind = false;
  await app.take([damaged, ...files]);
  expect((await app.add()).left).toEqual([]);
});

test.each([
  [{ config: { data: { name: "synthetic" } } }, true],
  [{ config: { data: { name: "folder" } } }, false],
  [{ config: null }, false],
])("a bundle with the provenance %j knows drawings only: %j", async (provenance, expected) => {
  Object.assign(world.bundle.manifest, { provenance });
  const [, { bundle }] = await opened();
  expect(bundle.knowsDrawingsOnly).toBe(expected);
});

test("a reset that changes nothing adds no step, also after opening again", async () => {
  await opened();
  const [app] = await opened();
  await app.resetAll();
  expect((await opened())[1].steps).toEqual([]);
});

test("a picture of imported lessons gets its name and preview when its file is added", async () => {
  const [one] = await opened();
  await add(one, picture("aaaaaaaaaa", 4));
  await one.confirm("aaaaaaaaaa", [], ["Rex"]);
  const lessons = await one.exportLessons();
  world.address += "other/";
  const [other] = await opened();
  expect(await other.importLessons(lessons)).toEqual({ pictures: 1, tags: 1 });
  expect((await opened())[1].pictures[0]?.name).toBe("aaaaaaaa");
  const result = await add(other, picture("aaaaaaaaaa", 4));
  expect(result.again).toEqual(["aaaaaaaaaa"]);
  expect((await opened())[1].pictures[0]).toMatchObject({ name: "aaaaaaaaaa.png", tags: ["user:rex"] });
});

test("rows and edits of an older version, without offsets and hidden tags, are complete", async () => {
  const [app] = await opened();
  await add(app, picture("a", 9));
  await app.confirm("a", [], ["Rex"]);
  await change("rows", (rows) => {
    const [n, m2] = [Float32Array.of(1), new Float32Array(2)];
    const row = { count: n, mean: Float32Array.of(10, 10), m2 };
    rows.put({ base: [], pictures: ["a"], learned: row, total: row, digest: "one" }, "user:rex");
  });
  await change("meta", (meta) =>
    meta.put({ names: new Map([["user:rex", "Rex"]]), merged: new Map(), removed: new Set() }, "edits"),
  );
  const [, { tags }] = await opened();
  expect(tags.map(({ hidden }) => hidden)).toEqual([false, false, false]);
  await eventually(() => {
    const a = world.changes.flatMap(({ pictures = [] }) => pictures).find(({ id }) => id === "a");
    expect(a?.suggested.map(({ tag }) => tag)).toEqual(["user:rex", "n1"]);
  });
});
