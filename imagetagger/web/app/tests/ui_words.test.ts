import { expect, test } from "vitest";
import { open as openDatabase } from "../src/engine/database";
import * as words from "../src/ui/words";

test("a coverage is given in times, in lowest terms", () => {
  const texts = [0.5, 0.8, 0.9, 0.95, 0.99, 0.925].map((value) => words.threshold("lac", value));
  expect(texts.map((text) => text.replace("The right tag is inside ", ""))).toEqual([
    "1 time in 2",
    "4 times in 5",
    "9 times in 10",
    "19 times in 20",
    "99 times in 100",
    "37 times in 40",
  ]);
});

test("every value of the slider is given in at most 100", () => {
  for (let value = 0.5; value < 0.991; value += 0.01) {
    expect(Number(/in (\d+)$/.exec(words.threshold("aps", value))?.[1])).toBeLessThanOrEqual(100);
  }
});

test("rules without a guarantee are described", () => {
  expect(words.threshold("cumulative", 0.9)).toBe("Tags until their probabilities sum to 90 %");
  expect(words.threshold("top_k", 5)).toBe("The 5 most probable tags");
  expect(words.threshold("top_k", 1)).toBe("The most probable tag");
  expect(words.thresholdShort("top_k", 1)).toBe("1 tag");
});

test("no probability is shown as 0 or 100 %", () => {
  expect([1, 0.996, 0.5, 0.005, 0].map(words.percent)).toEqual(["99 %", "99 %", "50 %", "1 %", "< 1 %"]);
});

test("the button says what it will do", () => {
  expect(words.confirmLabel(["cat", "Rex"], [])).toBe("Learn: cat, Rex");
  expect(words.confirmLabel(["cat"], ["dog"])).toBe("Learn: cat · Forget: dog");
  expect(words.confirmLabel([], ["dog"])).toBe("Forget: dog");
  expect(words.confirmLabel(["a", "b", "c", "d"], [])).toBe("Learn: a, b and 2 more");
});

test("screen readers get the tagger's percents, the user's tags as yours, and others as new", () => {
  const tags = [
    { name: "cat", probability: 0.8, taught: false },
    { name: "Rex", probability: 0.9, taught: true },
    { name: "Max", probability: null, taught: false },
  ];
  expect(words.spoken(tags, false, false)).toBe("3 tags: cat 80 percent, Rex, yours, Max, new");
  expect(words.spoken([], false, true)).toBe("Nothing known fits.");
  expect(words.spoken([], true, true)).toBe("No tag fits.");
});

test("what became of files is one line without zeros", () => {
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

test("without HTTPS the text on storage says why it is not persistent", () => {
  expect(words.storagePersistence(null, false)).toContain("HTTPS");
  expect(words.storagePersistence(false, true)).toContain("export your lessons");
  expect(words.storagePersistence(true, true)).not.toContain("export");
});

test("the text before removing pictures says what stays on the device, and until when", () => {
  expect(words.removePictures(1, 0)).toMatch(/It leaves this device when the app is opened next\. Until then .* undo/);
  expect(words.removePictures(1, 1)).toContain(
    "What it taught stays, with a small square of it. Everything else leaves",
  );
  expect(words.removePictures(5, 2)).toContain("What 2 of them taught stays");
  expect(words.removePictures(5, 5)).toContain("What they taught stays");
  expect(words.removePictures(5, 0)).not.toContain("stays");
});

test("lessons are called safe after a failure, but not where the browser stores nothing", async () => {
  const why = await openDatabase("here node has no database").catch((error: Error) => words.sentence(error.message));
  expect(words.isSafe(why as string)).toBe(false);
  expect(words.isSafe("The app is open in another tab or window already.")).toBe(true);
});

test("the app is called ready offline only where it is, and needs its server without HTTPS", () => {
  expect(words.offline("ready", true)).toBe("Ready to work offline.");
  expect(words.offline("coming", true)).toContain("Getting ready");
  for (const state of ["coming", "ready", "impossible"] as const)
    expect(words.offline(state, false)).toBe("Without HTTPS the app needs its server.");
});

test("times are relative, then dates", () => {
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
