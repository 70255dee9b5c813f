import "fake-indexeddb/auto";
import { openDB } from "idb";
import { expect, test } from "vitest";
import { type Changes, open, read, StorageError, write } from "../src/engine/database";
import { NO_LESSONS } from "../src/lessons/lessons";

const picture = {
  id: "a",
  name: "a.png",
  folder: "2024/Rome",
  added: 1,
  taken: "2024-05-01T18:30:00",
  width: 2,
  height: 3,
  embedding: new Float32Array([0.5]),
  space: "s",
};
const everything: Changes = {
  pictures: [{ picture, square: new Blob(["square"]) }],
  lessons: [["a", { tags: ["x"], missed: 0.5, at: 1 }]],
  hidden: new Set(["b"]),
  dismissed: new Set(["d"]),
  rejected: new Map([["e", ["x"]]]),
  edits: NO_LESSONS.edits,
  steps: [
    {
      id: 1,
      what: { kind: "allReset" },
      when: 2,
      before: { lessons: [["a", null]], hidden: [], dismissed: [], rejected: [] },
    },
  ],
  bundle: { digest: "d", labels: [] },
  settings: { threshold: 0.8 },
  unfinished: { left: 1, total: 2 },
};

test("what was written is read again", async () => {
  const db = await open("again");
  await write(db, everything);
  const stored = await read(db);
  expect([...stored.pictures.values()]).toEqual([picture]);
  expect(stored.state).toEqual({
    lessons: new Map(everything.lessons as never),
    edits: NO_LESSONS.edits,
    hidden: new Set(["b"]),
    rejected: new Map([["e", ["x"]]]),
    dismissed: new Set(["d"]),
  });
  expect(stored.steps).toEqual(everything.steps);
  const { bundle, settings, unfinished } = everything;
  expect(stored).toMatchObject({ bundle, settings, unfinished });
});

test("a transaction that fails changes nothing, and says so", async () => {
  const db = await open("nothing");
  const uncloneable = { ...everything, settings: { threshold: (() => 1) as never } };
  await expect(write(db, uncloneable)).rejects.toThrow(StorageError);
  const stored = await read(db);
  expect([stored.pictures.size, stored.steps.length, stored.settings]).toEqual([0, 0, undefined]);
});

test("purging a picture leaves nothing of it", async () => {
  const db = await open("purge");
  await write(db, everything);
  await write(db, { purge: ["a"], lessons: [["a", null]], dropSteps: [1] });
  const stored = await read(db);
  expect([stored.pictures.size, stored.state?.lessons.size, stored.steps.length]).toEqual([0, 0, 0]);
  expect(await db.get("squares", "a")).toBeUndefined();
});

test("a database of the first version is read: stores, keys and fields keep their names", async () => {
  const row = { count: new Float32Array([1]), mean: new Float32Array([0.5]), m2: new Float32Array([0]) };
  const tagRow = { base: [0], pictures: ["a"], learned: row, total: row, digest: "d" };
  const lesson = { tags: ["x"], missed: null, at: 1 };
  const edits = { names: new Map([["x", "X"]]), merged: new Map(), removed: new Set(["y"]) };
  const step = {
    id: 7,
    what: "Learned X",
    when: 3,
    before: { lessons: [["a", lesson]], hidden: [["b", true]], edits },
  };
  const { folder: _folder, taken: _taken, ...first } = picture;
  const written: Record<string, [string | number, unknown][]> = {
    pictures: [["a", first]],
    squares: [["a", new Blob(["square"])]],
    previews: [["a", new Blob(["preview"])]],
    lessons: [["a", lesson]],
    steps: [[7, step]],
    rows: [["x", tagRow]],
    meta: [
      ["edits", edits],
      ["hidden", new Set(["b"])],
      ["dismissed", new Set(["c"])],
      ["bundle", { digest: "d", labels: [{ id: "x", name: "x", synonyms: [] }] }],
      ["settings", { threshold: 0.8 }],
    ],
  };
  const old = await openDB("first version", 1, {
    upgrade(db) {
      for (const store of Object.keys(written)) db.createObjectStore(store);
    },
  });
  for (const [store, entries] of Object.entries(written))
    for (const [key, value] of entries) await old.put(store, value, key);
  old.close();
  const db = await open("first version");
  const complete = { ...edits, hidden: new Set() }; // newer keys have defaults
  expect(await read(db)).toEqual({
    pictures: new Map([["a", { ...picture, folder: "", taken: null }]]),
    state: {
      ...{ lessons: new Map([["a", lesson]]), edits: complete },
      ...{ hidden: new Set(["b"]), dismissed: new Set(["c"]), rejected: new Map() },
    },
    steps: [
      {
        ...step,
        what: { kind: "worded", text: "Learned X" },
        before: { ...step.before, edits: complete, dismissed: [], rejected: [] },
      },
    ],
    rows: new Map([["x", { ...tagRow, scoreOffset: 0 }]]),
    bundle: { digest: "d", labels: [{ id: "x", name: "x", synonyms: [] }] },
    settings: { threshold: 0.8 },
    unfinished: null,
  });
  expect(await (await db.get("squares", "a"))?.text()).toBe("square");
  expect(await (await db.get("previews", "a"))?.text()).toBe("preview");
});
