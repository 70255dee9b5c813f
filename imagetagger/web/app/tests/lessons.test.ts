import { describe, expect, test } from "vitest";
import type { Label, Term } from "../src/format/labels";
import {
  addTag,
  adoptLessons,
  checkLimits,
  forget,
  hideTags,
  LessonError,
  type Lessons,
  learn,
  mergeLessons,
  mergeTags,
  NO_LESSONS,
  removeTag,
  renameTag,
  resetTag,
  resolveMerged,
  setTags,
  showTags,
  type TaughtPicture,
  taughtNames,
  vocabulary,
} from "../src/lessons/lessons";
import { golden } from "./golden";

type Step = [kind: string, ...arguments_: unknown[]];

interface State {
  pictures: [string, string[], number | null][];
  names: [string, string][];
  merged: [string, string][];
  removed: string[];
  hidden: string[];
  vocabulary: Label[];
  taught: [string, string][];
}

type Pairs = [string, string][];

interface Adoption {
  names: Record<string, string>;
  removed: string[];
  before: [names: Pairs, merged: Pairs];
  after: [names: Pairs, merged: Pairs];
}

interface Golden {
  labels: Label[];
  terms: Term[];
  other_labels: Label[];
  histories: { steps: Step[]; state: State }[];
  merged: State[];
  adopted: State[];
  adoptions: { labels: Label[]; terms: Term[]; cases: Adoption[] }[];
}

const { labels, terms, other_labels, histories, merged, adopted, adoptions } = golden<Golden>("lessons");
const cases = adoptions.flatMap(({ cases, ...words }) => cases.map((each) => ({ ...words, ...each })));
const results = histories.map(({ steps }) => history(steps));

function picture(tags: readonly string[], missed: number | null = null): TaughtPicture {
  return { embedding: new Float32Array(2), space: "space", tags, missed };
}

function take(lessons: Lessons, [kind, ...values]: Step): [Lessons, unknown] {
  const [a, b, c] = values as [string, string, number | null];
  switch (kind) {
    case "learn":
      return [learn(lessons, a, picture(b as unknown as string[], c)), true];
    case "forget":
      return [forget(lessons, labels, a, b as unknown as string[]), true];
    case "add":
      return addTag(lessons, labels, a, terms);
    case "rename":
      return [renameTag(lessons, labels, a, b, terms), true];
    case "merge":
      return [mergeTags(lessons, a, b), true];
    case "hide":
      return [hideTags(lessons, [a]), true];
    case "show":
      return [showTags(lessons, [a]), true];
    default:
      return [removeTag(lessons, a), true];
  }
}

function history(steps: readonly Step[]): { lessons: Lessons; results: unknown[] } {
  let lessons = NO_LESSONS;
  const results = steps.map((step) => {
    try {
      const [next, result] = take(lessons, step);
      lessons = next;
      return result;
    } catch (error) {
      if (error instanceof LessonError) return null;
      throw error;
    }
  });
  return { lessons, results };
}

function stateOf(lessons: Lessons, of: readonly Label[] = labels): State {
  return {
    pictures: Array.from(lessons.pictures, ([id, { tags, missed }]) => [id, [...tags], missed]),
    names: [...lessons.edits.names],
    merged: [...lessons.edits.merged],
    removed: [...lessons.edits.removed].sort(),
    hidden: [...lessons.edits.hidden].sort(),
    vocabulary: [...vocabulary(of, lessons, terms).values()],
    taught: [...taughtNames([...of, ...terms], lessons)],
  };
}

describe("as in Python", () => {
  test.each(histories.map(({ steps, state }, i) => [i, steps, state] as const))("history %i", (i, steps, state) => {
    expect(results[i]?.results).toEqual(steps.map((step) => step.at(-1)));
    expect(stateOf(results[i]?.lessons as Lessons)).toEqual(state);
  });

  test("histories hold steps of every kind that went well and that did not", () => {
    const all = histories.flatMap(({ steps }) => steps);
    for (const kind of ["learn", "forget", "add", "rename", "merge", "remove"]) {
      const results = all.filter((step) => step[0] === kind).map((step) => step.at(-1) !== null);
      expect(results).toContain(true);
      if (!["learn", "remove"].includes(kind)) expect(results).toContain(false);
    }
  });

  test("two users' lessons merge", () => {
    for (const [i, state] of merged.entries())
      expect(stateOf(mergeLessons(results[i]?.lessons as Lessons, results[i + 1]?.lessons as Lessons))).toEqual(state);
  });

  test("another bundle adopts lessons by their names", () => {
    for (const [i, state] of adopted.entries()) {
      const { lessons } = results[i] as { lessons: Lessons };
      expect(
        stateOf(adoptLessons(lessons, other_labels, taughtNames([...labels, ...terms], lessons), terms), other_labels),
      ).toEqual(state);
    }
  });

  test.each(cases.map((each, i) => [i, each] as const))("a bundle adopts tags that it knows: %i", (_, each) => {
    const [names, merged] = each.before.map((pairs) => new Map(pairs)) as [Map<string, string>, Map<string, string>];
    const edits = { names, merged, removed: new Set(each.removed), hidden: new Set<string>() };
    const lessons = { pictures: new Map(), edits };
    const adopt = (lessons: Lessons) =>
      adoptLessons(lessons, each.labels, new Map(Object.entries(each.names)), each.terms);
    const after = adopt(lessons);
    expect([[...after.edits.names], [...after.edits.merged]]).toEqual(each.after);
    expect(adopt(after)).toEqual(after);
  });
});

test("lessons that bring nothing new are the same value, so that nothing is a step of undo", () => {
  for (const { lessons } of results) {
    expect(mergeLessons(lessons, lessons)).toBe(lessons);
    expect(mergeLessons(lessons, NO_LESSONS)).toBe(lessons);
    for (const [id, { tags }] of lessons.pictures) {
      expect(learn(lessons, id, picture(tags))).toBe(lessons);
      expect(setTags(lessons, labels, id, picture(tags.map((tag) => resolveMerged(tag, lessons.edits))))).toBe(lessons);
    }
  }
});

test("setting a picture's tags makes them exactly these, whatever they were", () => {
  for (const { lessons } of results) {
    const tags = [...vocabulary(labels, lessons).keys()];
    for (const target of [tags.slice(0, 1), tags.slice(1, 3), []])
      for (const id of [...lessons.pictures.keys(), "new"]) {
        const after = setTags(lessons, labels, id, picture(target, 0.5));
        const got = after.pictures.get(id);
        expect(new Set(got?.tags.map((tag) => resolveMerged(tag, lessons.edits)) ?? [])).toEqual(new Set(target));
        expect(after.pictures.size).toBe(
          lessons.pictures.size + Number(got !== undefined) - Number(lessons.pictures.has(id)),
        );
        expect(got?.missed ?? 0).toBe(got ? ((lessons.pictures.get(id) ?? { missed: 0.5 }).missed ?? 0) : 0);
      }
  }
});

test("a picture keeps the tag it was taught with where that was merged, and cannot be taught what is not there", () => {
  const lessons = mergeTags(learn(NO_LESSONS, "a", picture(["blue"])), "blue", "red");
  expect(setTags(lessons, labels, "a", picture(["red", "n01"])).pictures.get("a")?.tags).toEqual(["blue", "n01"]);
  expect(() => setTags(lessons, labels, "a", picture(["red", "gone"]))).toThrow('there is no tag "gone"');
});

test("a tag that was reset is as in the bundle, and merged ones come back with what they were taught", () => {
  let lessons = learn(learn(NO_LESSONS, "a", picture(["red"])), "b", picture(["blue", "n01"]));
  lessons = renameTag(mergeTags(lessons, "blue", "red"), labels, "red", "rouge");
  const after = resetTag(lessons, labels, "red");
  expect([...vocabulary(labels, after).values()]).toEqual(labels);
  expect(Array.from(after.pictures, ([id, { tags }]) => [id, tags])).toEqual([["b", ["blue", "n01"]]]);
  expect(resetTag(after, labels, "red")).toBe(after);
});

test("a user's tag that is the bundle's of the same name is forgotten by a reset, and what was merged into it comes back", () => {
  let [lessons, fish] = addTag(NO_LESSONS, [], "RED");
  lessons = learn(learn(lessons, "a", picture([fish, "n02"])), "b", picture(["blue"]));
  lessons = adoptLessons(mergeTags(lessons, "blue", fish), labels, new Map());
  expect([...lessons.edits.merged]).toEqual([
    ["blue", fish],
    [fish, "red"],
  ]);
  const after = resetTag(lessons, labels, "red");
  expect([...vocabulary(labels, after).values()]).toEqual(labels);
  expect(Array.from(after.pictures, ([id, { tags }]) => [id, tags])).toEqual([
    ["a", ["n02"]],
    ["b", ["blue"]],
  ]);
  expect(resetTag(after, labels, "red")).toBe(after);
});

test("an added tag that was reset keeps its name", () => {
  const [added, id] = addTag(NO_LESSONS, labels, "Rex");
  const lessons = renameTag(learn(added, "a", picture([id])), labels, id, "Max");
  const after = resetTag(lessons, labels, id);
  expect(after.pictures.size).toBe(0);
  expect(vocabulary(labels, after).get(id)?.name).toBe("Max");
});

test("a reset is refused where a name that would come back is another tag's by now, but not for the bundle's twins", () => {
  const [lessons] = addTag(renameTag(NO_LESSONS, labels, "n01", "rouge"), labels, "Crimson");
  expect(() => resetTag(lessons, labels, "n01")).toThrow("otherTagExists: Crimson");
  const bird = renameTag(NO_LESSONS, labels, "n03", "bird"); // n02 is a crane as well
  expect(vocabulary(labels, resetTag(bird, labels, "n03")).get("n03")?.name).toBe("crane");
});

test("after a reset nothing teaches the tag, and all else that was taught is still there", () => {
  let refused = 0;
  for (const { lessons } of results)
    for (const [tag, { name }] of vocabulary(labels, lessons)) {
      let after = NO_LESSONS;
      try {
        after = resetTag(lessons, labels, tag);
      } catch (error) {
        expect(error).toBeInstanceOf(LessonError);
        refused++;
        continue;
      }
      const taught = [...after.pictures.values()].flatMap(({ tags }) =>
        tags.map((id) => resolveMerged(id, after.edits)),
      );
      expect(taught).not.toContain(tag);
      expect([...after.edits.merged.values()]).not.toContain(tag);
      const original = labels.find(({ id }) => id === tag)?.name;
      expect(vocabulary(labels, after).get(tag)?.name).toBe(original ?? name);
      const others = Array.from(lessons.pictures, ([id, { tags }]) => [id, tags.filter((id) => id !== tag)] as const);
      const left = Array.from(after.pictures, ([id, { tags }]) => [id, tags] as const);
      expect(left).toEqual(others.filter(([, tags]) => tags.length));
    }
  expect(refused).toBeLessThan(10);
});

test("names such as __proto__ are names", () => {
  const [lessons, id] = addTag(NO_LESSONS, labels, "__proto__");
  expect(id).toBe("user:__proto__");
  expect(vocabulary(labels, lessons).get(id)?.name).toBe("__proto__");
});

test("a tag of a term's name is that term, is no other one, and comes back after its removal", () => {
  const [added, dog] = addTag(NO_LESSONS, labels, " DOG", terms);
  expect([dog, addTag(NO_LESSONS, labels, "dog")[1]]).toEqual(["n10", "user:dog"]);
  expect(vocabulary(labels, added, terms).get(dog)).toEqual({
    id: dog,
    name: "dog",
    synonyms: ["hound"],
    broader: ["n00"],
  });
  expect(() => addTag(added, labels, "Dog", terms)).toThrow("tagExists: dog");
  expect(addTag(removeTag(added, dog), labels, "dog", terms)[1]).toBe(dog);
  expect(() => renameTag(NO_LESSONS, labels, "red", "dog", terms)).toThrow("termExists: dog");
  expect(vocabulary(labels, renameTag(added, labels, dog, "doggy", terms), terms).get(dog)?.name).toBe("doggy");
});

test("a hidden tag keeps what it was taught, and is shown again", () => {
  const taught = learn(NO_LESSONS, "a", picture(["red"]));
  const hidden = hideTags(taught, ["red"]);
  expect(hidden.pictures).toBe(taught.pictures);
  expect([...vocabulary(labels, hidden).keys()]).toContain("red");
  expect(showTags(hidden, ["red"])).toEqual(taught);
  expect([...mergeLessons(taught, hidden).edits.hidden]).toEqual(["red"]);
  expect(mergeLessons(hidden, taught)).toBe(hidden);
});

test("chains of merged tags of any length, and cycles, are resolved in one pass", () => {
  const n = 10_000;
  const id = (i: number) => `t${i}`;
  const started = performance.now();
  const chain = { ...NO_LESSONS.edits, merged: new Map(Array.from({ length: n }, (_, i) => [id(i), id(i + 1)])) };
  const names = new Map(Array.from({ length: n + 1 }, (_, i) => [id(i), `name ${i}`]));
  const lessons = { ...NO_LESSONS, edits: { ...chain, names } };
  const tags = vocabulary(labels, adoptLessons(lessons, labels, names, terms), terms);
  expect(tags.size).toBe(labels.length + 1);
  expect(tags.get(id(n))?.synonyms.length).toBe(n);
  const cycle = { ...chain, merged: new Map(chain.merged).set(id(n), id(0)) };
  for (let i = 0; i <= n; i++) expect(resolveMerged(id(i), cycle) === id(0)).toBe(true);
  expect(performance.now() - started).toBeLessThan(5000); // 2,000 links once took a minute
});

test("more edits than lessons may hold are refused", () => {
  const many = (n: number) => new Map(Array.from({ length: n }, (_, i) => [`t${i}`, "x"]));
  const edits = NO_LESSONS.edits;
  expect(() => checkLimits({ ...edits, names: many(10_000), merged: many(10_000) }, [{ tags: ["x"] }])).not.toThrow();
  expect(() => checkLimits({ ...edits, names: many(10_001) }, [])).toThrow(LessonError);
  expect(() => checkLimits({ ...edits, merged: many(10_001) }, [])).toThrow("10001 merged tags");
  expect(() => checkLimits({ ...edits, hidden: new Set(many(100_001).keys()) }, [])).toThrow("100001 hidden tags");
  expect(() => checkLimits(edits, Array(80_000).fill({ tags: ["x"] }))).not.toThrow();
  expect(() => checkLimits(edits, Array(80_001).fill({ tags: ["x"] }))).toThrow("80001 taught pictures");
  expect(() => checkLimits(edits, [{ tags: [...many(101).keys()] }])).toThrow("101 tags of one picture");
});
