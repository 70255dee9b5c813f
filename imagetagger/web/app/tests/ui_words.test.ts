import { expect, test } from "vitest";
import { open as openDatabase } from "../src/engine/database";
import * as words from "../src/ui/words";

test("a promise is told in times, in lowest terms", () => {
  const told = [0.5, 0.8, 0.9, 0.95, 0.99, 0.925].map((value) => words.threshold("lac", value));
  expect(told.map((text) => text.replace("The right tag is inside ", ""))).toEqual([
    "1 time in 2",
    "4 times in 5",
    "9 times in 10",
    "19 times in 20",
    "99 times in 100",
    "37 times in 40",
  ]);
});

test("every value that the slider reaches by adding its step is told in at most 100", () => {
  for (let value = 0.5; value < 0.991; value += 0.01) {
    expect(Number(/in (\d+)$/.exec(words.threshold("aps", value))?.[1])).toBeLessThanOrEqual(100);
  }
});

test("rules without a promise tell what they do", () => {
  expect(words.threshold("cumulative", 0.9)).toBe("Tags until their probabilities sum to 90 %");
  expect(words.threshold("top_k", 5)).toBe("The 5 most probable tags");
  expect(words.threshold("top_k", 1)).toBe("The most probable tag");
  expect(words.thresholdShort("top_k", 1)).toBe("1 tag");
});

test("nothing is certain, and nothing impossible", () => {
  expect([1, 0.996, 0.5, 0.005, 0].map(words.percent)).toEqual(["99 %", "99 %", "50 %", "1 %", "< 1 %"]);
});

test("the button says what it will do", () => {
  expect(words.confirmLabel(["cat", "Rex"], [])).toBe("Learn: cat, Rex");
  expect(words.confirmLabel(["cat"], ["dog"])).toBe("Learn: cat · Forget: dog");
  expect(words.confirmLabel([], ["dog"])).toBe("Forget: dog");
  expect(words.confirmLabel(["a", "b", "c", "d"], [])).toBe("Learn: a, b and 2 more");
});

test("the tags are spoken with the tagger's percents, the user's as yours, and those not learned yet as new", () => {
  const tags = [
    { name: "cat", probability: 0.8, own: false },
    { name: "Rex", probability: 0.9, own: true },
    { name: "Max", probability: null, own: false },
  ];
  expect(words.spoken(tags, false, false)).toBe("3 tags: cat 80 percent, Rex, yours, Max, new");
  expect(words.spoken([], false, true)).toBe("Nothing known fits.");
  expect(words.spoken([], true, true)).toBe("No tag fits.");
});

test("what became of files is told in one line without zeros", () => {
  const none = { added: [], again: [], refused: [], cancelled: false };
  const no = { name: "a", why: "b" };
  expect(words.added({ ...none, added: ["a"] })).toBe("1 picture added");
  expect(words.added({ ...none, added: ["a", "b"], again: ["c"], refused: [no] })).toBe(
    "2 pictures added, 1 already here, 1 not added",
  );
  expect(words.added({ ...none, refused: [no] })).toBe("1 not added");
  expect(words.added({ ...none, cancelled: true })).toBe("Cancelled. 0 pictures added");
});

test("bytes have a unit that suits them", () => {
  expect([0, 999, 1000, 1_500_000, 61e9, 5e15].map(words.bytes)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.0 kB",
    "1.5 MB",
    "61.0 GB",
    "5000 TB",
  ]);
});

test("without HTTPS the storage is said to be no promise, for the reason", () => {
  expect(words.storagePromise(null, false)).toContain("HTTPS");
  expect(words.storagePromise(false, true)).toContain("export your lessons");
  expect(words.storagePromise(true, true)).not.toContain("export");
});

test("who removes pictures hears what of them stays on the device, and until when", () => {
  expect(words.removePictures(1, 0)).toMatch(/It leaves this device when the app is opened next\. Until then .* undo/);
  expect(words.removePictures(1, 1)).toContain("What it taught stays, with a small square of it. All else leaves");
  expect(words.removePictures(5, 2)).toContain("What 2 of them taught stays");
  expect(words.removePictures(5, 5)).toContain("What they taught stays");
  expect(words.removePictures(5, 0)).not.toContain("stays");
});

test("what was taught is called safe after a failure, but not where the browser keeps nothing", async () => {
  const why = await openDatabase("here node has no database").catch((error: Error) => words.sentence(error.message));
  expect(words.isSafe(why as string)).toBe(false);
  expect(words.isSafe("The app is open in another tab or window already.")).toBe(true);
});

test("the app is said to be ready offline only where it is, and to need its server without HTTPS", () => {
  expect(words.offline("ready", true)).toBe("Ready to work offline.");
  expect(words.offline("coming", true)).toContain("Getting ready");
  for (const state of ["coming", "ready", "impossible"] as const)
    expect(words.offline(state, false)).toBe("Without HTTPS the app needs its server.");
});

test("times are told as people do", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  const ago = (minutes: number) => words.when(now - minutes * 60_000, now);
  expect([0, 1, 59, 60, 60 * 23].map(ago)).toEqual([
    "just now",
    "1 minute ago",
    "59 minutes ago",
    "1 hour ago",
    "23 hours ago",
  ]);
  expect(ago(60 * 48)).toContain("2026");
});
