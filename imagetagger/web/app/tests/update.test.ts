import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import type { Bundle } from "../src/bundle/reader";
import { open, read, type Step, type Stored } from "../src/engine/database";
import type { Computing } from "../src/engine/session";
import { update } from "../src/engine/update";
import { INITIAL_STATE, NO_CHANGE } from "../src/engine/user_state";

const word = (id: string, ...names: string[]) => ({ id, name: names[0] ?? id, synonyms: names.slice(1), broader: [] });

function made(digest: string, labels: object[], terms: object[] = []): Bundle {
  return { manifest: { digest, embedding_space: "s" }, labels, terms } as unknown as Bundle;
}

/** What is stored of a picture with these tags; its step added the tags. */
function stored(bundle: Stored["bundle"], names: [string, string][], tags: string[]): Stored {
  const origin = { id: "p", name: "p", folder: "", added: 0, taken: null };
  const picture = { ...origin, width: 1, height: 1, embedding: Float32Array.of(1), space: "s" };
  const step: Step = {
    id: 1,
    what: { kind: "allReset" },
    when: 1,
    before: { ...NO_CHANGE, edits: INITIAL_STATE.edits },
  };
  const state = {
    ...INITIAL_STATE,
    lessons: new Map([["p", { tags, missed: null, at: 1 }]]),
    edits: { ...INITIAL_STATE.edits, names: new Map(names) },
  };
  const pictures = new Map([["p", picture]]);
  return { pictures, state, steps: [step], rows: new Map(), bundle, settings: undefined, unfinished: null };
}

const updated = async (name: string, bundle: Bundle, before: Stored) => {
  const db = await open(name);
  const { stored } = await update(db, bundle, (() => {}) as unknown as Computing, before, () => {});
  const { state, steps, bundle: last } = await read(db);
  expect([state.edits, steps, last]).toEqual([stored.state.edits, stored.steps, stored.bundle]);
  return stored;
};

test("tags are those of another bundle of their names, also those that only the last bundle named", async () => {
  const last = { digest: "old", labels: [{ id: "k9", name: "hound" }] };
  const before = stored(
    last,
    [
      ["user:goldfish", "Goldfish"],
      ["user:rex", "Rex"],
    ],
    ["user:goldfish", "k9", "user:rex"],
  );
  const bundle = made("new", [word("n1", "goldfish")], [word("t1", "dog", "hound")]);
  const { state, steps, bundle: now } = await updated("names", bundle, before);
  expect([...state.edits.merged]).toEqual([
    ["user:goldfish", "n1"],
    ["k9", "t1"],
  ]);
  expect(state.lessons).toEqual(before.state.lessons);
  expect(now?.labels).toEqual([
    { id: "n1", name: "goldfish" },
    { id: "t1", name: "dog" },
  ]);
  // The last step is that they became one; before it, they are apart.
  expect(steps.map(({ before }) => [...(before.edits?.merged ?? [])])).toEqual([
    [["k9", "k9"]],
    [
      ["user:goldfish", "user:goldfish"],
      ["k9", "k9"],
    ],
  ]);
  expect([...(steps[0]?.before.edits?.names ?? [])]).toEqual([["k9", "hound"]]);
  expect(steps[1]?.what).toEqual({ kind: "twinsMerged", tags: ["Goldfish", "hound"] });
});

test("a term that tags were merged into keeps its name under a bundle that lacks it", async () => {
  const terms = [word("t1", "dog", "hound")];
  const one = await updated(
    "one",
    made("one", [], terms),
    stored(undefined, [["user:hound", "hound"]], ["user:hound"]),
  );
  const two = await updated("two", made("two", [word("n1", "cup")]), one);
  expect(two.state.edits.names.get("t1")).toBe("dog");
  expect([...two.state.edits.merged]).toEqual([["user:hound", "t1"]]);
});

test("the same bundle changes nothing", async () => {
  const before = stored({ digest: "same", labels: [] }, [["user:cup", "cup"]], ["user:cup"]);
  const db = await open("same");
  const { stored: after } = await update(
    db,
    made("same", [word("n1", "cup")]),
    (() => {}) as unknown as Computing,
    before,
    () => {},
  );
  expect(after.state).toEqual(before.state);
});
