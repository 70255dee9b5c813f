import { beforeEach, expect, test, vi } from "vitest";
import { eventually } from "./eventually";
import { add, begin, made, opened, picture, world } from "./made_engine";

vi.mock("../src/bundle/reader", async (original) => ({
  ...(await original<object>()),
  ...(await import("./made_engine")).reader,
}));
vi.mock("../src/engine/executor", async () => (await import("./made_engine")).executor);
vi.mock("../src/pixels/decode", async () => (await import("./made_engine")).pixels);
vi.mock("../src/pixels/reader", async () => (await import("./made_engine")).pixels);

beforeEach(({ task }) => begin(task.id));

test("hidden tags are not suggested, also after opening again, and what was taught stays", async () => {
  const [app] = await opened();
  await add(app, picture("a", 8), picture("b", 9));
  await app.confirm("a", ["n1"], []);
  await app.hideTag("n1", true);
  const [again, hidden] = await opened();
  expect(hidden.tags.map((tag) => tag.hidden)).toEqual([false, true]);
  await eventually(() => {
    const [a, b] = ["a", "b"].map((id) =>
      world.changes.flatMap(({ pictures = [] }) => pictures).find((p) => p.id === id),
    );
    expect(a?.tags).toEqual(["n1"]);
    expect(b?.suggested.map(({ tag }) => tag)).toEqual(["n0"]);
  });
  await again.undo(hidden.steps[0]?.id ?? 0);
  const [, shown] = await opened();
  expect(shown.tags.map((tag) => tag.hidden)).toEqual([false, false]);
  await eventually(() => {
    const b = world.changes.flatMap(({ pictures = [] }) => pictures).find(({ id }) => id === "b");
    expect(b?.suggested.map(({ tag }) => tag)).toEqual(["n1"]);
  });
});

test("a tag that has the name of a broader term is that term, and offsets count in predictions", async () => {
  world.bundle = made("one", "s");
  const dog = { id: "n9", name: "dog", synonyms: ["domestic dog"], broader: [], everyday: true };
  world.bundle = { ...world.bundle, terms: [dog], scoreOffset: Float32Array.of(-1000, 0) };
  const [app, { terms, tags }] = await opened();
  expect(terms).toEqual([{ id: "n9", name: "dog", synonyms: ["domestic dog"], broader: [] }]);
  expect(tags.map(({ pictures }) => pictures)).toEqual([null, 5]);
  expect(await app.addTag("Dog")).toBe("n9");
  await add(app, picture("a", 0));
  await eventually(() => {
    const a = world.changes.flatMap(({ pictures = [] }) => pictures).find(({ id }) => id === "a");
    expect(a?.suggested.map(({ tag }) => tag)).toEqual(["n1"]); // its mean is far away
  });
});

test("a hidden tag gives way to the broader term above it, which can be taught and hidden in turn", async () => {
  world.bundle = made("one", "s", ["beagle", "cat", "cup"]);
  const term = (id: string, broader: string[]) => ({ id, name: id, synonyms: [], broader, everyday: true });
  const labels = world.bundle.labels.map((label, i) => ({
    ...label,
    broader: [["dog"], ["animal"], []][i] as string[],
  }));
  world.bundle = { ...world.bundle, labels, terms: [term("dog", ["animal"]), term("animal", [])] };
  const [app, snapshot] = await opened();
  await add(app, picture("a", 0));
  const suggested = () => {
    const views = world.changes.flatMap(({ pictures = [] }) => pictures);
    return views.findLast(({ id }) => id === "a")?.suggested.map(({ tag }) => tag);
  };
  const tags = () => world.changes.findLast((change) => change.tags)?.tags?.map(({ id }) => id);
  expect(snapshot.tags.map(({ id }) => id)).toEqual(["n0", "n1", "n2"]);
  await app.hideTag("n0", true);
  await eventually(() => expect(suggested()).toEqual(["dog"]));
  expect(tags()).toEqual(["n0", "n1", "n2", "dog"]);
  await app.hideTag("dog", true);
  await eventually(() => expect(suggested()).toEqual(["animal"]));
  await app.hideTag("n0", false); // and the term above it, as it would stay hidden otherwise
  await eventually(() => expect(suggested()).toEqual(["n0"]));
  await app.hideTag("n0", true);
  await app.confirm("a", ["dog"], []);
  const [, { tags: all, pictures }] = await opened();
  expect(all.find(({ id }) => id === "dog")).toMatchObject({ taught: 1, original: null, name: "dog" });
  expect(pictures[0]?.tags).toEqual(["dog"]);
});

test("imported tags are those of the bundle that have their names, synonyms or broader terms", async () => {
  const [one] = await opened();
  await add(one, picture("aaaaaaaaaa", 4), picture("bbbbbbbbbb", 5));
  await one.confirm("aaaaaaaaaa", [], ["Rose", "Rex"]);
  await one.confirm("bbbbbbbbbb", ["n1"], ["Hound"]);
  const lessons = await one.exportLessons();
  world.address += "other/";
  world.bundle = made("two", "s", ["rose"]);
  const dog = { id: "n9", name: "dog", synonyms: ["hound"], broader: [], everyday: true };
  world.bundle = { ...world.bundle, terms: [dog, { ...dog, id: "n8", name: "blue", synonyms: [] }] };
  const [other] = await opened();
  expect(await other.importLessons(lessons)).toEqual({ pictures: 2, tags: 3 });
  const [, { tags, pictures }] = await opened();
  expect(tags.map(({ id, taught }) => [id, taught])).toEqual([
    ["n0", 1],
    ["user:rex", 1],
    ["n9", 1],
    ["n8", 1],
  ]);
  expect(pictures.map((each) => each.tags)).toEqual([
    ["n8", "n9"],
    ["n0", "user:rex"],
  ]);
});

test("a taught term is suggested as probable as all below it, and once where it stands for a hidden tag", async () => {
  world.bundle = made("one", "s", ["beagle", "cup"]);
  const dog = { id: "dog", name: "dog", synonyms: [], broader: [], everyday: true };
  const labels = world.bundle.labels.map((label, i) => ({ ...label, broader: i ? [] : ["dog"] }));
  world.bundle = { ...world.bundle, labels, terms: [dog] };
  const [app] = await opened();
  await add(app, picture("a", 0), picture("b", 1));
  await app.confirm("b", [], ["dog"]);
  const suggested = () => {
    const views = world.changes.flatMap(({ pictures = [] }) => pictures);
    return new Map(views.findLast(({ id }) => id === "a")?.suggested.map((each) => [each.tag, each.probability]));
  };
  await eventually(() => expect([...suggested().keys()]).toEqual(["dog", "n0"]));
  expect(suggested().get("dog")).toBeGreaterThan(0.99);
  await app.hideTag("n0", true);
  await eventually(() => expect([...suggested().keys()]).toEqual(["dog"]));
  expect(suggested().get("dog")).toBeGreaterThan(0.99);
});
