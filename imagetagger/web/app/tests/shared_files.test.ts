import { expect, test, vi } from "vitest";
import { storeShared } from "../src/share_target";
import { dropShared, readShared } from "../src/ui/shared_files";

const BASE = "https://host.example/photos/app/";

/** The browser's caches, as far as they are used. */
function madeCaches() {
  const all = new Map<string, Map<string, Response>>();
  return {
    has: async (name: string) => all.has(name),
    delete: async (name: string) => all.delete(name),
    async open(name: string) {
      const entries = all.get(name) ?? new Map<string, Response>();
      all.set(name, entries);
      return {
        put: async (address: string, response: Response) => void entries.set(address, response),
        keys: async () => [...entries.keys()].map((url) => ({ url })),
        match: async ({ url }: { url: string }) => entries.get(url)?.clone(),
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
  expect(read.map(({ name, type }) => [name, type])).toEqual(files.map(({ name, type }) => [name, type]));
  expect(await Promise.all(read.map((file) => file.text()))).toEqual(["one", "two"]);
  expect(await readShared("https://host.example/other/")).toEqual([]);
  await dropShared(BASE);
  expect(await readShared(BASE)).toEqual([]);
});

test("a form without files leaves nothing to read", async () => {
  vi.stubGlobal("caches", madeCaches());
  await storeShared(BASE, form(new File([], "")));
  expect(await readShared(BASE)).toEqual([]);
});
