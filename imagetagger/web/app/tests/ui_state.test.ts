import { expect, test } from "vitest";
import type { Change } from "../src/api";
import { gathered } from "../src/ui/changes";
import { initialDraft } from "../src/ui/draft";
import { parseRoute, pictureHref } from "../src/ui/route";
import { type Action, arrived, reduce, START, type State, screenState } from "../src/ui/state";
import { picture, snapshot, tag } from "./ui_pictures";

const after = (...actions: Action[]) => actions.reduce(reduce, START);
const change = (one: Change): Action => ({ type: "changed", changes: [one] });
const opened = (state: State) => {
  if (state.library === null) throw new Error("got a closed library, expected an open one");
  return state.library;
};
const a = picture("a", { added: 1 });
const b = picture("b", { added: 2 });
const open: Action = { type: "opened", snapshot: snapshot([b, a], [tag("cat"), tag("dog")]) };

test("new pictures come first, and one that comes back takes its old place", () => {
  const gone = after(open, change({ pictures: [picture("c", { added: 3 })] }), change({ gone: ["b"] }));
  expect(opened(gone).order).toEqual(["c", "a"]);
  expect(opened(reduce(gone, change({ pictures: [b] }))).order).toEqual(["c", "b", "a"]);
});

test("while files are added nothing moves: each picture takes the first free place", () => {
  const total = 3;
  let state = after(open, { type: "adding", isUnderWay: true });
  const cells = (s: State) => [
    ...opened(s).order.slice(0, arrived(s)),
    ...Array(s.awaited).fill(null),
    ...opened(s).order.slice(arrived(s)),
  ];
  const seen = [];
  for (const [done, id] of ["x", "y", "z"].entries()) {
    state = reduce(state, change({ progress: { kind: "adding", done, total } }));
    seen.push(cells(state));
    state = reduce(state, change({ pictures: [picture(id, { added: 9 - done })] }));
    seen.push(cells(state));
  }
  expect(seen).toEqual([
    [null, null, null, "b", "a"],
    ["x", null, null, "b", "a"],
    ["x", null, null, "b", "a"],
    ["x", "y", null, "b", "a"],
    ["x", "y", null, "b", "a"],
    ["x", "y", "z", "b", "a"],
  ]);
  expect(cells(reduce(state, { type: "adding", isUnderWay: false }))).toEqual(["x", "y", "z", "b", "a"]);
});

test("a different picture keeps its place", () => {
  const state = opened(after(open, change({ pictures: [{ ...a, tags: ["cat"] }] })));
  expect(state.order).toEqual(["b", "a"]);
  expect(state.pictures.get("a")?.tags).toEqual(["cat"]);
});

test("what a change does not name stays the very same object", () => {
  const state = after(open);
  const [before, next] = [opened(state), opened(reduce(state, change({ steps: [] })))];
  for (const part of ["tags", "pictures", "order"] as const) expect(next[part]).toBe(before[part]);
});

test("progress is heard before anything is open, and ends with null", () => {
  const work = { kind: "reembedding", done: 1, total: 2 } as const;
  expect(after(change({ progress: work })).progress).toEqual(work);
  expect(after(open, change({ progress: work }), change({ steps: [] })).progress).toEqual(work);
  expect(after(open, change({ progress: work }), change({ progress: null })).progress).toBeNull();
});

test("a draft survives new suggestions, but not other tags of its picture, nor the picture's removal", () => {
  const drafted = after(open, { type: "draft", picture: "a", draft: { ...initialDraft(a), tags: ["cat", "dog"] } });
  const suggested = [{ tag: "cat", probability: 1 }];
  expect(reduce(drafted, change({ pictures: [{ ...a, suggested }] })).drafts.get("a")?.tags).toEqual(["cat", "dog"]);
  expect(reduce(drafted, change({ pictures: [{ ...a, tags: ["dog"] }] })).drafts.has("a")).toBe(false);
  expect(reduce(drafted, change({ gone: ["a"] })).drafts.has("a")).toBe(false);
});

test("a tag that goes leaves drafts and the search", () => {
  const draft = { ...initialDraft(a), tags: ["cat", "dog"] };
  const state = after(open, { type: "draft", picture: "a", draft }, { type: "filter", filter: { tag: "cat" } });
  const less = reduce(state, change({ tags: [tag("dog")] }));
  expect(less.drafts.get("a")?.tags).toEqual(["dog"]);
  expect(less.filter.tag).toBeNull();
});

test("a picture that goes is not selected any more", () => {
  const state = after(open, { type: "select", selected: new Set(["a", "b"]) }, change({ gone: ["a"] }));
  expect(state.selected).toEqual(new Set(["b"]));
});

test("a picture that is not shown any more is not selected any more, whether a filter or a lesson hides it", () => {
  const select: Action = { type: "select", selected: new Set(["a", "b"]) };
  const taught = change({ pictures: [{ ...b, confirmed: true, tags: ["cat"] }] });
  const filter: Action = { type: "filter", filter: { show: "open" } };
  expect(after(open, taught, select, filter).selected).toEqual(new Set(["a"]));
  expect(after(open, filter, select, taught).selected).toEqual(new Set(["a"]));
  expect(after(open, select, taught).selected).toEqual(new Set(["a", "b"]));
});

test("what hides new pictures ends where some are added, and what shows them stays", () => {
  const adding: Action = { type: "adding", isUnderWay: true };
  for (const filter of [{ text: "c" }, { tag: "cat" }, { show: "confirmed" }, { show: "unknown" }] as const)
    expect(after(open, { type: "filter", filter }, adding).filter).toEqual(START.filter);
  expect(after(open, { type: "filter", filter: { show: "all" } }, adding).filter.show).toBe("all");
});

const step = (id: number) => ({ id, what: { kind: "tagAdded", tag: `${id}` } as const, when: 0 });
const learned: Action = { type: "toast", toast: { text: "Learned", kind: "status", since: 1 } };

test("a notice offers to take back the step that came with it, and goes when another one is the newest", () => {
  const state = after(open, change({ steps: [step(2), step(1)] }), learned);
  expect(state.toast?.undo).toBe(2);
  expect(reduce(state, change({ pictures: [a] })).toast).toBe(state.toast);
  for (const steps of [[step(3), step(2), step(1)], [step(1)], []])
    expect(reduce(state, change({ steps })).toast).toBeNull();
});

test("a notice of what changed nothing offers nothing, and no step takes it away", () => {
  const state = after(open, change({ steps: [step(1)] }), learned);
  expect(state.toast?.undo).toBeNull();
  expect(reduce(state, change({ steps: [] })).toast).toBe(state.toast);
});

test("a notice without words says what the newest step did, and none comes where nothing changed", () => {
  const quiet: Action = { type: "toast", toast: { text: null, kind: "status", since: 1 } };
  expect(after(open, change({ steps: [step(2), step(1)] }), quiet).toast).toEqual({
    text: { kind: "tagAdded", tag: "2" },
    kind: "status",
    undo: 2,
  });
  expect(after(open, change({ steps: [step(1)] }), quiet).toast).toBeNull();
});

test("the first change is handed on at once, those close behind it together, and none is lost", async () => {
  const got: (readonly Change[])[] = [];
  const { listen, flush } = gathered((changes) => got.push(changes), 5);
  for (const id of ["x", "y", "z"]) listen({ gone: [id] });
  expect(got).toEqual([[{ gone: ["x"] }]]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(got).toEqual([[{ gone: ["x"] }], [{ gone: ["y"] }, { gone: ["z"] }]]);
  for (const id of ["v", "w"]) listen({ gone: [id] });
  flush();
  expect(got.flat()).toHaveLength(5);
});

test("an address names its screen, whatever the picture's id holds, and a broken one is the pictures", () => {
  expect(parseRoute(pictureHref("a/b%#ü"))).toEqual({ page: "picture", id: "a/b%#ü" });
  expect(parseRoute("#/tags")).toEqual({ page: "tags" });
  expect(["", "#", "#/nowhere", "#/picture/", "#/picture"].map((hash) => parseRoute(hash).page)).toEqual(
    Array(5).fill("pictures"),
  );
  expect(parseRoute("#/picture/%E0%A4%A")).toEqual({ page: "picture", id: "%E0%A4%A" });
});

test("ticks last until their picture is confirmed or gone, and can be set again", () => {
  const suggested = [{ tag: "cat", probability: 0.9 }];
  const pictures = ["a", "b"].map((id) => picture(id, { added: 1, suggested }));
  const proposal = { certainty: "likely" as const, tags: ["cat"] };
  const tick = (isTicked: boolean, ...ids: string[]): Action => {
    return { type: "tick", proposals: ids.map((id) => [id, proposal]), isTicked };
  };
  const state = after(open, change({ pictures }), tick(false, "a", "b"));
  const of = ({ ticks }: State) => [...ticks].map(([id, { isTicked }]) => [id, isTicked]);
  expect(of(state)).toEqual([
    ["a", false],
    ["b", false],
  ]);
  expect(of(reduce(state, tick(true, "a")))).toContainEqual(["a", true]);
  expect(of(reduce(state, change({ gone: ["b"] })))).toEqual([["a", false]]);
  expect(of(reduce(state, change({ pictures: [picture("a", { added: 1, tags: ["cat"] })] })))).toEqual([["b", false]]);
});

test("adding shows the new pictures, and keeps their order", () => {
  const adding: Action = { type: "adding", isUnderWay: true };
  const searched = after(open, { type: "filter", filter: { text: "c", order: "taken" } }, adding);
  expect(searched.filter).toEqual({ ...START.filter, order: "taken" });
  expect(after(open, { type: "filter", filter: { show: "open" } }, adding).filter.show).toBe("open");
});

test("an app that another tab took over shows only that", () => {
  expect(after(open, change({ failure: { kind: "takenOver" } })).failure).toEqual({ kind: "takenOver" });
  expect(after(change({ failure: { kind: "takenOver" } }), open).failure).toEqual({ kind: "takenOver" });
});

test("what screens show stays the same object while only the progress changes", () => {
  const quiet = after(open);
  const first = screenState(quiet, null);
  const busy = reduce(quiet, change({ progress: { kind: "adding", done: 1, total: 2 } }));
  expect(screenState(busy, first)).toBe(first);
  const searched = reduce(busy, { type: "filter", filter: { text: "cat" } });
  expect(screenState(searched, first)).not.toBe(first);
  expect(screenState(searched, first).filter.text).toBe("cat");
});
