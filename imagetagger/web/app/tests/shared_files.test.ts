import { expect, test, vi } from "vitest";
import { storeShared } from "../src/share_target";
import { dropShared, readShared } from "../src/ui/shared_files";

const BASE = "https://host.example/photos/app/";

/** The browser's caches, as far as they are used. */
function madeCaches() {
  const all = new Map<string, Map<string, Response>>();
  return {
    has: async (name: string) => all.has(name),
    async open(name: string) {
      const entries = all.get(name) ?? new Map<string, Response>();
      all.set(name, entries);
      return {
        delete: async (address: string) => entries.delete(address),
        put: async (address: string, response: Response) => void entries.set(address, response),
        keys: async () => [...entries.keys()].map((url) => ({ url })),
        match: async (url: string) => entries.get(url)?.clone(),
      };
    },
  };
}

function form(...files: File[]): FormData {
  const made = new FormData();
  made.append("title", "not a file");
  for (const file of files) made.append("pictures", file);
  return made;
}

test("shared files are as they were, with their names, until they are dropped; each folder has its own", async () => {
  vi.stubGlobal("caches", madeCaches());
  const files = [
    new File(["one"], "Käfer/1.jpg", { type: "image/jpeg" }),
    new File(["two"], "", { type: "image/png" }),
  ];
  await storeShared(BASE, form(...files));
  const read = await readShared(BASE);
  expect(read.map(({ file }) => [file.name, file.type])).toEqual(files.map(({ name, type }) => [name, type]));
  expect(await Promise.all(read.map(({ file }) => file.text()))).toEqual(["one", "two"]);
  expect(await readShared("https://host.example/other/")).toEqual([]);
  await dropShared(BASE, read);
  expect(await readShared(BASE)).toEqual([]);
});

test("only the given files are dropped, and what arrived since they were read stays", async () => {
  vi.stubGlobal("caches", madeCaches());
  await storeShared(BASE, form(new File(["one"], "1.jpg"), new File(["two"], "2.jpg")));
  const read = await readShared(BASE);
  await storeShared(BASE, form(new File(["three"], "3.jpg")));
  await dropShared(BASE, read.slice(0, 1));
  expect((await readShared(BASE)).map(({ file }) => file.name)).toEqual(["2.jpg", "3.jpg"]);
});

test("a form without files leaves nothing to read", async () => {
  vi.stubGlobal("caches", madeCaches());
  await storeShared(BASE, form(new File([], "")));
  expect(await readShared(BASE)).toEqual([]);
});
