import { expect, test } from "vitest";
import type { PictureView, TagView } from "../src/api";
import { tagTable } from "../src/engine/tag_table";

const TAGS = [
  { id: "n01", name: "cat" },
  { id: "user:=1+1", name: "=1+1" },
  { id: "user:q", name: 'say "hi", you' },
] as TagView[];

function picture(name: string, tags: string[] = [], suggested: PictureView["suggested"] = []): PictureView {
  const [confirmed, unknown] = [tags.length > 0, suggested.length === 0];
  return {
    id: "p",
    name,
    folder: "",
    added: 0,
    taken: null,
    width: 4,
    height: 3,
    confirmed,
    tags,
    suggested,
    rejected: [],
    possible: [],
    predicted: true,
    unknown,
  };
}

/** The cells of RFC 4180. */
function cells(csv: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of csv.slice(1).matchAll(/(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

test("a table has a line for each picture, in the names of tags", () => {
  const pictures = [
    picture("a.jpg", ["n01", "user:q", "gone"], [{ tag: "n01", probability: 0.98765 }]),
    picture("b.jpg"),
  ];
  const csv = tagTable(pictures, TAGS, "csv");
  expect(csv.startsWith("\ufeffpicture,id,confirmed,tags,suggested,unknown\r\n")).toBe(true);
  expect(cells(csv).slice(1)).toEqual([
    ["a.jpg", "p", "yes", 'cat | say "hi", you | gone', "cat 0.988", "no"],
    ["b.jpg", "p", "no", "", "", "yes"],
  ]);
});

test("whatever files are called, a spreadsheet sees one cell each, and no formula", () => {
  const names = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    ' \n="a",b',
    "a;=1+1",
    "＝1",
    "=cmd|' /C calc'!A0",
    'a"b',
    "a,b",
    "a\nb",
    "💥",
    "",
  ];
  const rows = cells(
    tagTable(
      names.map((name) => picture(name, ["user:=1+1"])),
      TAGS,
      "csv",
    ),
  ).slice(1);
  const bare = (name = "") => name.replaceAll("'", "");
  expect(rows.map(([name]) => bare(name))).toEqual(names.map(bare));
  for (const row of rows) for (const cell of row) expect(cell).not.toMatch(/(^|[;\t\r\n])\s*[=+\-@＝]|^[\t\r\n]/);
});

test("JSON holds the same, with ids", () => {
  const [got] = JSON.parse(tagTable([picture("a", ["n01"], [{ tag: "user:q", probability: 0.5 }])], TAGS, "json"));
  expect(got.tags).toEqual([{ id: "n01", name: "cat" }]);
  expect(got.suggested).toEqual([{ id: "user:q", name: 'say "hi", you', probability: 0.5 }]);
  expect(got.added).toBe("1970-01-01T00:00:00.000Z");
});
