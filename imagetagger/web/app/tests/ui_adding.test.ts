import { expect, test } from "vitest";
import type { Added } from "../src/api";
import { additions } from "../src/ui/adding";

/** A worker that adds whatever was handed over, slowly; it tells what it was asked. */
function slow() {
  const calls: string[] = [];
  let waiting: File[] = [];
  return {
    calls,
    async take(files: File[]) {
      calls.push(`take ${files.length}`);
      await new Promise((resolve) => setTimeout(resolve));
      waiting = [...waiting, ...files];
    },
    async add(): Promise<Added> {
      calls.push("add");
      const added = waiting.map((file) => file.name);
      waiting = [];
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (added.includes("bad")) throw new Error("got a bad file");
      return { added, again: [], refused: [], cancelled: false };
    },
  };
}
const files = (...names: string[]) => names.map((name) => new File([], name));

test("files are handed over by the hundred, in their order, before they are added", async () => {
  const engine = slow();
  const names = Array.from({ length: 250 }, (_, i) => `${i}`);
  expect((await additions(engine, () => {})(files(...names))).added).toEqual(names);
  expect(engine.calls).toEqual(["take 100", "take 100", "take 50", "add"]);
});

test("two additions at once each hear of their own files, one after the other, also where one fails", async () => {
  const heard: boolean[] = [];
  const add = additions(slow(), (isUnderWay) => heard.push(isUnderWay));
  const results = await Promise.allSettled([add(files("a")), add(files("bad")), add(files("b", "c"))]);
  expect(results.map((result) => (result.status === "fulfilled" ? result.value.added : "failed"))).toEqual([
    ["a"],
    "failed",
    ["b", "c"],
  ]);
  expect(heard).toEqual([true, false, true, false, true, false]);
});
