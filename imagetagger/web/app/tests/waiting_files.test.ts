import { expect, test, vi } from "vitest";
import { isShare, shareAddress, storeShared } from "../src/share_target";
import { dropFiles, readFiles, storeFile } from "../src/ui/waiting_files";

const BASE = "https://host.example/photos/app/";
const SHARED = shareAddress(BASE);

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
  const read = await readFiles(SHARED);
  expect(read.map(({ file }) => [file.name, file.type])).toEqual(files.map(({ name, type }) => [name, type]));
  expect(await Promise.all(read.map(({ file }) => file.text()))).toEqual(["one", "two"]);
  expect(await readFiles(shareAddress("https://host.example/other/"))).toEqual([]);
  await dropFiles(SHARED, read);
  expect(await readFiles(SHARED)).toEqual([]);
});

test("only the given files are dropped, and what arrived since they were read stays", async () => {
  vi.stubGlobal("caches", madeCaches());
  await storeShared(BASE, form(new File(["one"], "1.jpg"), new File(["two"], "2.jpg")));
  const read = await readFiles(SHARED);
  await storeShared(BASE, form(new File(["three"], "3.jpg")));
  await dropFiles(SHARED, read.slice(0, 1));
  expect((await readFiles(SHARED)).map(({ file }) => file.name)).toEqual(["2.jpg", "3.jpg"]);
});

test("a form without files leaves nothing to read", async () => {
  vi.stubGlobal("caches", madeCaches());
  await storeShared(BASE, form(new File([], "")));
  expect(await readFiles(SHARED)).toEqual([]);
});

test("a file that the cache had no room for is dropped like others", async () => {
  vi.stubGlobal("caches", madeCaches());
  const stored = await storeFile(SHARED, new File(["one"], "1.jpg"));
  await dropFiles(SHARED, [stored, { file: new File(["two"], "2.jpg"), address: null }]);
  expect(await readFiles(SHARED)).toEqual([]);
});

test("a share is a form posted into a window, and nothing else", () => {
  const share = { method: "POST", url: SHARED, destination: "document" } as Request;
  expect(isShare(share, BASE)).toBe(true);
  for (const other of [{ method: "PUT" }, { url: `${SHARED}?x` }, { destination: "iframe" }, { destination: "" }])
    expect(isShare({ ...share, ...other } as Request, BASE)).toBe(false);
});
