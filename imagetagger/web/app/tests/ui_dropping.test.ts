import { expect, test } from "vitest";
import { chosen, chosenFolder, dropped } from "../src/ui/dropping";

const IMAGE = { type: "image/png" };
const leaf = (name: string, type = IMAGE.type, fullPath = `/${name}`) => ({
  name,
  fullPath,
  isDirectory: false,
  file: (done: (file: File) => void) => done(new File([], name, { type })),
});

/** A folder as a browser gives it: two entries at a time. */
const folder = (name: string, ...inside: { name: string }[]) => ({
  name,
  isDirectory: true,
  createReader() {
    let at = 0;
    return {
      readEntries(done: (some: { name: string }[]) => void) {
        at += 2;
        done(inside.slice(at - 2, at));
      },
    };
  },
});
const item = (entry: { name: string } | null, file: File | null = null) =>
  ({ kind: "file", webkitGetAsEntry: () => entry, getAsFile: () => file }) as unknown as DataTransferItem;
const names = async (...items: DataTransferItem[]) => (await dropped(items)).map(({ file }) => file.name);

test("a dropped folder is all pictures in it, those of folders inside too, in the order of their names", async () => {
  const inside = folder("c", leaf("e.png"), leaf("d.heic", ""));
  const all = folder("all", leaf("b10.png"), inside, leaf("b2.png"), leaf("notes.txt", "text/plain"), leaf("a.png"));
  expect(await names(item(all))).toEqual(["a.png", "b2.png", "b10.png", "d.heic", "e.png"]);
  expect(await names(item(folder("empty", folder("too"))))).toEqual([]);
});

test("a dropped file is taken whatever it is, so that its refusal is reported", async () => {
  const text = new File([], "notes.txt", { type: "text/plain" });
  expect(await names(item(leaf("notes.txt"), text), item(null, text))).toEqual(["notes.txt", "notes.txt"]);
});

test("pictures of folders know where they were", async () => {
  const inside = folder("Rome", leaf("a.png", IMAGE.type, "/2024/Rome/a.png"));
  const [found] = await dropped([item(folder("2024", inside))]);
  expect(found?.folder).toBe("2024/Rome");
  const at = (value: string) => Object.defineProperty(new File([], "b.png"), "webkitRelativePath", { value });
  expect(chosen([at("2024/Rome/b.png"), at("")]).map((each) => each.folder)).toEqual(["2024/Rome", ""]);
});

test("a chosen folder is all pictures in it, in the order of their paths", () => {
  const at = (path: string, type: string) => {
    const file = new File([], path.split("/").at(-1) ?? "", { type });
    return Object.defineProperty(file, "webkitRelativePath", { value: path });
  };
  const files = [at("all/b10.png", "image/png"), at("all/b2.png", "image/png"), at("all/notes.txt", "text/plain")];
  const found = chosenFolder([...files, at("all/c/d.HEIC", ""), at("all/Thumbs.db", "")]);
  expect(found.map(({ file, folder }) => `${folder}/${file.name}`)).toEqual([
    "all/b2.png",
    "all/b10.png",
    "all/c/d.HEIC",
  ]);
});
