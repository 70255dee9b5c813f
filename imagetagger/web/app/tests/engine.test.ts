import "fake-indexeddb/auto";
import { beforeEach, expect, test, vi } from "vitest";
import type { Change, Engine } from "../src/api";
import type { Bundle, Rows } from "../src/bundle/reader";
import { engine } from "../src/engine/engine";
import { HiddenPixelsError } from "../src/pixels/readback";
import { BadImageError } from "../src/pixels/sniff";

// The engine with its database, lessons and rows, but a model of two features without WebAssembly, and pictures that are
// lines of JSON.

let bundle: Bundle;
let isBlind = false;
vi.mock("../src/bundle/reader", async (original) => ({
  ...(await original<object>()),
  readBundle: async () => bundle,
}));
vi.mock("../src/engine/executor", () => ({
  loadExecutor: async (_model: unknown, manifest: unknown) => ({ manifest }),
  embedImage: async ({ manifest }: Bundle, square: Uint8Array) =>
    Float32Array.from(square, (value) => value + manifest.embedding_space.length),
  copyBlocks: (_executor: unknown, blocks: readonly Rows[]) => blocks,
  freeBlocks: () => {},
  mergeRows: async (_executor: unknown, a: Rows, b: Rows) => {
    const count = (a.count[0] ?? 0) + (b.count[0] ?? 0);
    const mean = a.mean.map((m, i) =>
      count ? (m * (a.count[0] ?? 0) + (b.mean[i] ?? 0) * (b.count[0] ?? 0)) / count : 0,
    );
    return { count: Float32Array.of(count), mean, m2: new Float32Array(2) };
  },
  scoreRows: async (_executor: unknown, x: Float32Array, blocks: readonly Rows[]) =>
    Float32Array.from(
      blocks.flatMap(({ count, mean }) =>
        Array.from(count, (n, i) =>
          n ? -Math.hypot((x[0] ?? 0) - (mean[2 * i] ?? 0), (x[1] ?? 0) - (mean[2 * i + 1] ?? 0)) : -9,
        ),
      ),
    ),
}));
vi.mock("../src/pixels/decode", () => ({
  encodePng: async (square: Uint8Array) => new Blob([JSON.stringify({ square: [...square] })]),
  readPicture: async (file: Blob) => {
    const { id = "?", square } = JSON.parse(await file.text());
    if (isBlind) throw new HiddenPixelsError("this browser hides pixels");
    if (!square) throw new BadImageError("damaged");
    return { id, width: 2, height: 2, square: Uint8Array.from(square), preview: new Blob(["preview"]) };
  },
}));

function made(digest: string, space: string, tags: readonly string[] = ["red", "blue"]): Bundle {
  const labels = tags.map((name, i) => ({ id: `n${i}`, name, synonyms: [], broader: [] }));
  const mean = Float32Array.from(tags.flatMap((_, i) => [9 * i, 9 * i]));
  const rows = { count: new Float32Array(tags.length).fill(5), mean, m2: new Float32Array(2 * tags.length) };
  const manifest = {
    ...{ digest, embedding_space: space, name: "made" },
    image: { size: 2, pixel_limit: 100 },
    model: { variant: "float32", features: 2, block: 4 },
    classifier: { class_prior: "uniform" },
    decision: {
      calibration: { temperature: 1, confidence: [], sharpness: [] },
      prediction_set: { rule: "cumulative", coverage: null, threshold: 0.9, thresholds: [], aci_step_size: 0 },
      novelty: null,
    },
  };
  const scoreOffset = new Float32Array(tags.length);
  return { manifest, labels, terms: [], rows, scoreOffset, model: new Uint8Array() } as unknown as Bundle;
}

const picture = (id: string, x: number) => new File([JSON.stringify({ id, square: [x, x] })], `${id}.png`);
let address = "";
let changes: Change[] = [];

async function opened(): Promise<[Engine, Awaited<ReturnType<Engine["open"]>>]> {
  const app = engine(address);
  changes = [];
  return [app, await app.open((change) => changes.push(change))];
}

async function add(app: Engine, ...files: File[]) {
  await app.take(files);
  return app.add();
}

/** Changes the database behind the app's back. */
async function change(store: string, by: (store: IDBObjectStore) => void) {
  const request = indexedDB.open(`imagetagger ${new URL(address).pathname}`);
  await new Promise((done) => request.addEventListener("success", done));
  const tx = request.result.transaction(store, "readwrite");
  by(tx.objectStore(store));
  await new Promise((done) => tx.addEventListener("complete", done));
  request.result.close();
}

const steps = () => changes.findLast((change) => change.steps)?.steps ?? [];

beforeEach((context) => {
  vi.stubGlobal("navigator", {
    locks: {
      request(_name: string, _options: object, hold: () => void) {
        hold();
        return new Promise(() => {});
      },
    },
  });
  address = `http://localhost/${context.task.id}/`;
  bundle = made("one", "s");
  isBlind = false;
});

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
  await app.take(files);
  const adding = app.add();
  await vi.waitFor(() => expect(changes.some(({ pictures }) => pictures?.[0]?.id === "p0")).toBe(true));
  await app.remove(["p0"], true);
  await adding;
  const [, snapshot] = await opened();
  expect(snapshot.pictures.map(({ id }) => id)).not.toContain("p0");
  expect(snapshot.pictures).toHaveLength(19);
});

test("another bundle of the same space takes effect at once, and keeps the names of tags that it lacks", async () => {
  const [app] = await opened();
  await add(app, picture("a", 9));
  await app.confirm("a", ["n1"], []);
  await app.setThreshold(0.7);
  bundle = made("two", "s", ["red"]);
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
  bundle = made("two", "longer");
  const [, other] = await opened();
  expect([other.reembedded, other.unreadable, other.pictures.length]).toEqual([1, 1, 1]);
  expect(other.tags.find(({ name }) => name === "Rex")?.taught).toBe(1);
  bundle = made("one", "s");
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
  bundle = made("two", "longer");
  isBlind = true;
  await expect(opened()).rejects.toThrow("this browser hides pixels");
  isBlind = false;
  const [other, { tags, reembedded }] = await opened();
  expect([reembedded, tags.find(({ name }) => name === "Rex")?.taught]).toEqual([2, 2]);
  isBlind = true;
  await other.resetAll();
  await other.remove(["b"], true);
  const [empty] = await opened();
  await expect(empty.importLessons(lessons)).rejects.toThrow(/^this browser hides pixels/);
});

test("a removed picture whose square cannot be read keeps it", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4));
  await app.teach(["a"], [], ["Rex"]);
  await app.remove(["a"], false);
  await change("squares", (squares) => squares.put(new Blob(["{}"]), "a"));
  bundle = made("two", "longer");
  expect((await opened())[1].unreadable).toBe(1);
  bundle = made("one", "s");
  const [, { tags }] = await opened();
  expect(tags.find(({ name }) => name === "Rex")?.taught).toBe(1);
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
  await expect(app.undo(added?.id ?? 0)).rejects.toThrow("Something else was changed since");
  await app.undo(learned?.id ?? 0);
  expect(steps()).toEqual([added]);
  await app.undo(added?.id ?? 0);
  await expect(app.undo(1)).rejects.toThrow("nothing to undo");
});

test("a dismissed picture is confirmed, until the step is undone, and can be taught", async () => {
  const [app] = await opened();
  await add(app, picture("a", 4), picture("b", 4));
  await app.dismiss("a");
  await app.dismiss("b");
  await app.confirm("b", ["n0"], []);
  const [again, { pictures, steps, tags }] = await opened();
  expect(pictures.map(({ id, confirmed, tags }) => [id, confirmed, ...tags])).toEqual([
    ["a", true],
    ["b", true, "n0"],
  ]);
  expect(tags.map(({ taught }) => taught)).toEqual([1, 0]);
  await expect(again.dismiss("b")).rejects.toThrow("was taught");
  for (const step of steps.slice(0, -1)) await again.undo(step.id);
  expect((await opened())[1].pictures.map(({ confirmed }) => confirmed)).toEqual([false, false]);
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
  address += "other/";
  const [other] = await opened();
  expect(await other.importLessons(lessons)).toEqual({ pictures: 1, tags: 1 });
  expect((await opened())[1].pictures[0]?.name).toBe("aaaaaaaa");
  const result = await add(other, picture("aaaaaaaaaa", 4));
  expect(result.again).toEqual(["aaaaaaaaaa"]);
  expect((await opened())[1].pictures[0]).toMatchObject({ name: "aaaaaaaaaa.png", tags: ["user:rex"] });
});

test("hidden tags are not suggested, also after opening again, and what was taught stays", async () => {
  const [app] = await opened();
  await add(app, picture("a", 8), picture("b", 9));
  await app.confirm("a", ["n1"], []);
  await app.hideTag("n1", true);
  const [again, hidden] = await opened();
  expect(hidden.tags.map((tag) => tag.hidden)).toEqual([false, true]);
  await vi.waitFor(() => {
    const [a, b] = ["a", "b"].map((id) => changes.flatMap(({ pictures = [] }) => pictures).find((p) => p.id === id));
    expect(a?.tags).toEqual(["n1"]);
    expect(b?.suggested.map(({ tag }) => tag)).toEqual(["n0"]);
  });
  await again.undo(hidden.steps[0]?.id ?? 0);
  const [, shown] = await opened();
  expect(shown.tags.map((tag) => tag.hidden)).toEqual([false, false]);
  await vi.waitFor(() => {
    const b = changes.flatMap(({ pictures = [] }) => pictures).find(({ id }) => id === "b");
    expect(b?.suggested.map(({ tag }) => tag)).toEqual(["n1"]);
  });
});

test("a tag that has the name of a broader term is that term, and offsets count in predictions", async () => {
  bundle = made("one", "s");
  const dog = { id: "n9", name: "dog", synonyms: ["domestic dog"], broader: [], everyday: true };
  bundle = { ...bundle, terms: [dog], scoreOffset: Float32Array.of(-1000, 0) };
  const [app, { terms, tags }] = await opened();
  expect(terms).toEqual([{ id: "n9", name: "dog", synonyms: ["domestic dog"], broader: [] }]);
  expect(tags.map(({ pictures }) => pictures)).toEqual([null, 5]);
  expect(await app.addTag("Dog")).toBe("n9");
  await add(app, picture("a", 0));
  await vi.waitFor(() => {
    const a = changes.flatMap(({ pictures = [] }) => pictures).find(({ id }) => id === "a");
    expect(a?.suggested.map(({ tag }) => tag)).toEqual(["n1"]); // its mean is far away
  });
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
  await vi.waitFor(() => {
    const a = changes.flatMap(({ pictures = [] }) => pictures).find(({ id }) => id === "a");
    expect(a?.suggested.map(({ tag }) => tag)).toEqual(["user:rex", "n1"]);
  });
});

test("a hidden tag gives way to the broader term above it, which can be taught and hidden in turn", async () => {
  bundle = made("one", "s", ["beagle", "cat", "cup"]);
  const term = (id: string, broader: string[]) => ({ id, name: id, synonyms: [], broader, everyday: true });
  const labels = bundle.labels.map((label, i) => ({ ...label, broader: [["dog"], ["animal"], []][i] as string[] }));
  bundle = { ...bundle, labels, terms: [term("dog", ["animal"]), term("animal", [])] };
  const [app, snapshot] = await opened();
  await add(app, picture("a", 0));
  const suggested = () => {
    const views = changes.flatMap(({ pictures = [] }) => pictures);
    return views.findLast(({ id }) => id === "a")?.suggested.map(({ tag }) => tag);
  };
  const tags = () => changes.findLast((change) => change.tags)?.tags?.map(({ id }) => id);
  expect(snapshot.tags.map(({ id }) => id)).toEqual(["n0", "n1", "n2"]);
  await app.hideTag("n0", true);
  await vi.waitFor(() => expect(suggested()).toEqual(["dog"]));
  expect(tags()).toEqual(["n0", "n1", "n2", "dog"]);
  await app.hideTag("dog", true);
  await vi.waitFor(() => expect(suggested()).toEqual(["animal"]));
  await app.hideTag("n0", false); // and the term above it, as it would stay hidden otherwise
  await vi.waitFor(() => expect(suggested()).toEqual(["n0"]));
  await app.hideTag("n0", true);
  await app.confirm("a", ["dog"], []);
  const [, { tags: all, pictures }] = await opened();
  expect(all.find(({ id }) => id === "dog")).toMatchObject({ taught: 1, original: null, name: "dog" });
  expect(pictures[0]?.tags).toEqual(["dog"]);
});
