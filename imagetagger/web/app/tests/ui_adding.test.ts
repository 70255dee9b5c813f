import { expect, test } from "vitest";
import type { Added, Incoming } from "../src/api";
import { additions } from "../src/ui/adding";

/** A slow worker that adds what was handed over, and refuses more than a hundred files at once. */
function slow() {
  let waiting: Incoming[] = [];
  return {
    async take(files: Incoming[]) {
      if (files.length > 100) throw new Error("got more than 100 files at once");
      await new Promise((resolve) => setTimeout(resolve));
      waiting = [...waiting, ...files];
    },
    async add(): Promise<Added> {
      const added = waiting.map(({ file }) => file.name);
      waiting = [];
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (added.includes("bad")) throw new Error("got a bad file");
      return { added, again: [], refused: [], left: [], cancelled: false };
    },
  };
}
const files = (...names: string[]) => names.map((name) => ({ file: new File([], name), folder: "" }));

test("files are handed over by the hundred, and all are added in order", async () => {
  const engine = slow();
  const names = Array.from({ length: 250 }, (_, i) => `${i}`);
  expect((await additions(engine, () => {})(files(...names))).added).toEqual(names);
});

test("two additions at once return their own files, one after the other, also if one fails", async () => {
  const phases: boolean[] = [];
  const add = additions(slow(), (isUnderWay) => phases.push(isUnderWay));
  const results = await Promise.allSettled([add(files("a")), add(files("bad")), add(files("b", "c"))]);
  expect(results.map((result) => (result.status === "fulfilled" ? result.value.added : "failed"))).toEqual([
    ["a"],
    "failed",
    ["b", "c"],
  ]);
  expect(phases).toEqual([true, false, true, false, true, false]);
});
