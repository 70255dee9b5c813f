import { describe, expect, test } from "vitest";
import type { Act } from "../src/format/acts";
import { type Problem, problemOf, UserError } from "../src/format/problems";
import { english } from "../src/words/english";
import { german } from "../src/words/german";
import { LANGUAGES, type Words, wordsFor } from "../src/words/languages";

const spaces = (text: string) => text.replaceAll("\u00a0", " ");

test("the language is the chosen one, otherwise the first that the user reads, otherwise English", () => {
  const code = (choice: string | null, ...reads: string[]) => wordsFor(choice, reads).code;
  expect(code(null, "de-AT", "en")).toBe("de");
  expect(code(null, "fr", "DE", "en")).toBe("de");
  expect(code(null, "en-US", "de")).toBe("en");
  expect(code(null, "fr")).toBe("en");
  expect(code(null)).toBe("en");
  expect(code("de", "en")).toBe("de");
  expect(code("gone", "de")).toBe("de");
});

test("a coverage is given in times, in lowest terms", () => {
  const texts = [0.5, 0.8, 0.9, 0.95, 0.99, 0.925].map((value) => english.settings.threshold("lac", value));
  expect(texts.map((text) => text.replace("The right tag is among the suggestions ", ""))).toEqual([
    "1 time in 2",
    "4 times in 5",
    "9 times in 10",
    "19 times in 20",
    "99 times in 100",
    "37 times in 40",
  ]);
  expect(german.settings.threshold("aps", 0.9)).toBe(
    "Das richtige Stichwort ist in 9 von 10 Fällen unter den Vorschlägen",
  );
});

test("every value of the slider is given in at most 100", () => {
  for (let value = 0.5; value < 0.991; value += 0.01) {
    expect(Number(/in (\d+)$/.exec(english.settings.threshold("aps", value))?.[1])).toBeLessThanOrEqual(100);
  }
});

test("rules without a guarantee are described, and promise nothing", () => {
  expect(english.settings.threshold("cumulative", 0.9)).toBe("Suggestions until their probabilities add up to 90%");
  expect(english.settings.threshold("top_k", 5)).toBe("The 5 most probable tags");
  expect(english.settings.threshold("top_k", 1)).toBe("The most probable tag");
  expect(english.settings.thresholdShort("top_k", 1)).toBe("1 tag");
  expect(german.settings.thresholdShort("top_k", 2)).toBe("2 Stichwörter");
  expect(spaces(german.settings.thresholdShort("lac", 0.925))).toBe("92,5 %");
});

test("no probability is shown as 0 or 100 %", () => {
  const all = [1, 0.996, 0.5, 0.005, 0];
  expect(all.map(english.picture.percent)).toEqual(["99%", "99%", "50%", "1%", "< 1%"]);
  expect(all.map(german.picture.percent).map(spaces)).toEqual(["99 %", "99 %", "50 %", "1 %", "< 1 %"]);
});

test("counts have their plural and the digits of their language", () => {
  expect([0, 1, 2, 1234].map(english.gallery.shown)).toEqual([
    "0 pictures shown",
    "1 picture shown",
    "2 pictures shown",
    "1,234 pictures shown",
  ]);
  expect([0, 1, 2, 1234].map(german.gallery.shown)).toEqual([
    "0 Bilder zu sehen",
    "1 Bild zu sehen",
    "2 Bilder zu sehen",
    "1.234 Bilder zu sehen",
  ]);
  expect(german.app.unfinished(1, 1)).toContain("1 von 1 Bild fehlt");
  expect(german.app.unfinished(2, 3)).toContain("2 von 3 Bildern fehlen");
});

test("the button says which tags it confirms, as a list of its language", () => {
  expect([["cat"], ["cat", "Rex"], ["a", "b", "c"], ["a", "b", "c", "d"], []].map(english.picture.confirm)).toEqual([
    "Confirm cat",
    "Confirm cat and Rex",
    "Confirm a, b and c",
    "Confirm a, b and 2 more",
    "Confirm",
  ]);
  expect(
    [
      ["Katze", "Rex"],
      ["a", "b", "c", "d"],
    ].map(german.picture.confirm),
  ).toEqual(["Katze und Rex bestätigen", "a, b und 2 weitere bestätigen"]);
});

test("screen readers get the tagger's percents, the user's tags as yours, and others as new", () => {
  const tags = [
    { name: "cat", probability: 0.001, taught: false },
    { name: "Rex", probability: 0.9, taught: true },
    { name: "Max", probability: null, taught: false },
  ];
  expect(english.picture.spoken(tags, false, false)).toBe("3 tags: cat, under 1%; Rex, yours; Max, new");
  expect(english.picture.spoken([], false, true)).toBe("Nothing known fits.");
  expect(english.picture.spoken([], true, true)).toBe("No tag fits.");
});

test("what became of files is one line without zeros", () => {
  const none = { added: 0, again: 0, refused: 0, isCancelled: false };
  expect(english.gallery.added({ ...none, added: 1 })).toBe("1 picture added");
  expect(english.gallery.added({ ...none, added: 2, again: 1, refused: 1 })).toBe(
    "2 pictures added, 1 already here, 1 not added",
  );
  expect(english.gallery.added({ ...none, refused: 1 })).toBe("1 not added");
  expect(english.gallery.added({ ...none, isCancelled: true })).toBe("Cancelled. 0 pictures added");
  expect(german.gallery.added({ ...none, added: 2, refused: 1 })).toBe("2 Bilder hinzugefügt, 1 nicht hinzugefügt");
});

test("a German count of one more tag has its form", () => {
  expect([1, 2].map(german.picture.more)).toEqual(["1 weiteres", "2 weitere"]);
  expect([1, 2].map((count) => german.tags.showMore(count, count))).toEqual(["1 weiteres zeigen", "2 weitere zeigen"]);
});

test("a new tagger that could read no picture claims to have looked at none", () => {
  expect(english.app.reembedded(3, 1)).toBe(
    "The tagger is new. It looked again at your 3 pictures. 1 other could not be read, and what it taught is left out.",
  );
  expect(english.app.reembedded(0, 2)).toBe(
    "The tagger is new. 2 pictures could not be read, and what they taught is left out.",
  );
  expect(german.app.reembedded(0, 1)).toBe(
    "Die Erkennung ist neu. 1 Bild war nicht lesbar; was die App daraus gelernt hatte, fehlt nun.",
  );
});

test("bytes have a unit that suits them", () => {
  expect([0, 999, 1000, 1_500_000, 61e9, 5e15].map((count) => english.settings.used(count, null))).toEqual([
    "0 bytes used",
    "999 bytes used",
    "1.0 kB used",
    "1.5 MB used",
    "61.0 GB used",
    "5,000 TB used",
  ]);
  expect(spaces(german.settings.used(1_500_000, 2e9))).toBe("1,5 MB belegt von 2,0 GB, die der Browser erlaubt");
});

test("the text before removing pictures says what stays on the device, and until when", () => {
  const { removeText } = english.picture;
  expect(removeText(1, 0)).toMatch(/It leaves this device when the app is opened next\. Until then .* undo/);
  expect(removeText(1, 1)).toContain("What it taught stays, with a small square of it. Everything else leaves");
  expect(removeText(5, 2)).toContain("What 2 of them taught stays");
  expect(removeText(5, 5)).toContain("What they taught stays");
  expect(removeText(5, 0)).not.toContain("stays");
});

test("times are relative, then dates", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  const ago = (when: (time: number, now: number) => string) =>
    [0, 1, 59, 60, 60 * 23, 60 * 48].map((minutes) => when(now - minutes * 60_000, now));
  expect(ago(english.settings.when)).toEqual([
    "now",
    "1 minute ago",
    "59 minutes ago",
    "1 hour ago",
    "23 hours ago",
    "24 Nov 2026",
  ]);
  expect(ago(german.settings.when)).toEqual([
    "jetzt",
    "vor 1 Minute",
    "vor 59 Minuten",
    "vor 1 Stunde",
    "vor 23 Stunden",
    "24.11.2026",
  ]);
});

const one = { count: 1, name: "a.jpg" };
const two = { count: 2, name: null };
const ACTS: Record<string, Act> = {
  "Confirmed cat and Rex on a.jpg": { kind: "confirmed", tags: ["cat", "Rex"], pictures: one },
  "Confirmed the tags of 2 pictures": { kind: "confirmed", tags: [], pictures: two },
  "Confirmed that no tag fits a.jpg": { kind: "dismissed", pictures: one },
  "Removed all tags of a.jpg": { kind: "untagged", pictures: one },
  "Imported what 1 picture taught": { kind: "imported", pictures: { count: 1, name: null } },
  "Renamed Rex to King": { kind: "tagRenamed", tag: "Rex", name: "King" },
  "Learned red from a.png": { kind: "worded", text: "Learned red from a.png" },
};

test("a step is worded by each language, but for those that older versions worded", () => {
  for (const [text, act] of Object.entries(ACTS)) expect(english.step(act)).toBe(text);
  expect(Object.values(ACTS).map(german.step)).toEqual([
    "„cat“ und „Rex“ bei a.jpg bestätigt",
    "Stichwörter von 2 Bildern bestätigt",
    "Bestätigt, dass nichts zu a.jpg passt",
    "Alle Stichwörter von a.jpg entfernt",
    "Gelerntes aus 1 Bild importiert",
    "„Rex“ in „King“ umbenannt",
    "Learned red from a.png",
  ]);
});

test("a problem is the same after it crossed from the worker, and any other error keeps its text", () => {
  const problem: Problem = { kind: "tagExists", name: "red" };
  const crossed = Object.assign(new Error("tagExists: red"), { problem });
  for (const error of [new UserError(problem), crossed]) expect(problemOf(error)).toEqual(problem);
  expect(english.problem(problemOf(new Error("model.tflite was changed")))).toBe("Model.tflite was changed.");
  expect(german.problem(problem)).toContain("„red“");
  expect(german.problem(problemOf("odd"))).toBe("Das hat nicht geklappt: odd.");
});

/** Every text of a language that is not made by a function, with its path. */
function texts(value: unknown, path: string): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => texts(inner, `${path}.${key}`));
}

const DETAILS: Record<Problem["kind"], object> = {
  ...{ emptyFile: {}, notAPicture: {}, otherPicture: {}, lostFile: {}, fileTooLarge: {} },
  ...{ damagedPicture: {}, damagedOrTooLarge: {}, tooManyPixels: { width: 9, height: 9, most: 80 } },
  ...{ foreignFile: { file: "pdf" }, rarePicture: { picture: "tiff" } },
  ...{ hiddenPixels: {}, noCanvas: {}, storageFull: {}, storageClosed: {}, persistenceRefused: {} },
  ...{ noStorage: { why: "x" }, notStored: { why: "x" } },
  ...{ elsewhere: {}, takenOver: {}, appNotLoaded: {}, taggerNotLoaded: {}, notFetched: { file: "x", status: 404 } },
  ...{ emptyName: {}, unseenName: {}, unsafeName: {}, longName: { length: 300, most: 200 } },
  ...{ tagExists: { name: "x" }, termExists: { name: "x" }, otherTagExists: { name: "x" } },
  ...{ nameIsId: { name: "x", tag: "y" }, nothingToUndo: {}, changedSince: {}, sameTag: {}, noTag: {} },
  ...{ stillTagged: {}, pictureRemoved: {}, nothingTaught: {}, nothingConfirmed: {}, squareLost: { picture: "x" } },
  ...{ reviewEnded: {}, reviewRefused: {} },
  ...{ unusableFile: { why: "x" }, technical: { text: "x" } },
};
const PROBLEMS = Object.entries(DETAILS).map(([kind, details]) => ({ kind, ...details }) as Problem);

const STEPS: Record<Exclude<Act["kind"], "worded">, object> = {
  confirmed: { tags: ["x"], pictures: two },
  ...{ added: { pictures: two }, removed: { pictures: two }, dismissed: { pictures: two } },
  ...{ untagged: { pictures: two }, imported: { pictures: two } },
  ...{ tagAdded: { tag: "x" }, tagHidden: { tag: "x" }, tagShown: { tag: "x" }, tagDeleted: { tag: "x" } },
  ...{ tagReset: { tag: "x" }, tagRenamed: { tag: "x", name: "y" }, tagMerged: { tag: "x", into: "y" } },
  ...{ twinsMerged: { tags: ["x"] }, allReset: {} },
};
const ALL_ACTS = Object.entries(STEPS).map(([kind, details]) => ({ kind, ...details }) as Act);

/** The wordings of every problem and every step. */
const wordings = ({ problem, step }: Words): [string, string][] => [
  ...PROBLEMS.map((each): [string, string] => [each.kind, problem(each)]),
  ...ALL_ACTS.map((each): [string, string] => [each.kind, step(each)]),
];

test("German words every problem and every step by itself", () => {
  const translated = new Map(wordings(german));
  expect(wordings(english).filter(([kind, text]) => translated.get(kind) === text)).toEqual([]);
});

describe.each(LANGUAGES.map((words) => [words.code, words] as const))("%s", (code, words) => {
  test("no text is empty, begins or ends with a space, or holds jargon", () => {
    const all = [...texts(words, code), ...wordings(words)];
    expect(all.length).toBeGreaterThan(120);
    const jargon = /bundle|variant|lesson|lektion/i;
    expect(all.filter(([, text]) => text.trim() !== text || text === "" || jargon.test(text))).toEqual([]);
  });

  test("quotes are those of the language", () => {
    expect(words.tags.deleteText("x", 0)).toContain({ en: "“x”", de: "„x“" }[code]);
  });
});

test("German leaves no text as it is in English but names and signs", () => {
  const translated = new Map(texts(german, ""));
  const same = texts(english, "").filter(([path, text]) => translated.get(path) === text);
  const words = same.filter(([path]) => !/^\.app\.keys\.\d+\.0$/.test(path));
  expect(words.map(([path]) => path).sort()).toEqual([
    ".app.ok",
    ".gallery.orders.name",
    ".settings.version",
    ".tags.name",
  ]);
});
