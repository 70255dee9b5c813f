import { createHash } from "node:crypto";
import { mkdtempSync, openAsBlob, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Uint8ArrayWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { describe, expect, test, vi } from "vitest";
import { openZip, writeZip } from "../src/files/archive";
import { type LoadedLessons, loadLessons, MAX_LESSONS_BYTES, saveLessons } from "../src/lessons/lesson_file";
import { LessonError, type Lessons, NO_LESSONS } from "../src/lessons/lessons";
import { golden, unpacked } from "./golden";

interface Contents {
  pictures: [string, string, string[], number | null, number[], string][];
  names: Record<string, string>;
  edits: [Record<string, string>, Record<string, string>, string[], string[]];
}

interface Golden {
  valid: { zip: string; contents: Contents }[];
  wrong: { message: string; zip: string }[];
}

const { valid, wrong } = golden<Golden>("lesson_file");

function blob(zip: string): Blob {
  return new Blob([unpacked(zip)]);
}

function contentsOf({ lessons, names, crops }: LoadedLessons): Contents {
  const { names: renamed, merged, removed, hidden } = lessons.edits;
  return {
    pictures: Array.from(lessons.pictures, ([id, { space, tags, missed, embedding }]) => {
      const hash = createHash("sha256").update(crops.get(id) as Uint8Array);
      return [id, space, [...tags], missed, Array.from(embedding), hash.digest("hex")];
    }),
    names: Object.fromEntries(names),
    edits: [Object.fromEntries(renamed), Object.fromEntries(merged), [...removed].sort(), [...hidden].sort()],
  };
}

async function saved({ lessons, names, crops }: LoadedLessons): Promise<Blob> {
  return saveLessons(lessons, names, async (id) => crops.get(id) as Uint8Array<ArrayBuffer>);
}

test.each(valid.map(({ zip, contents }, i) => [i, zip, contents] as const))(
  "file %i is read as Python reads it",
  async (_, zip, contents) => {
    expect(contentsOf(await loadLessons(blob(zip)))).toEqual(contents);
  },
);

test("saved lessons are loaded again, and have the files that Python writes, with the same text", async () => {
  const [{ zip, contents }] = valid as [(typeof valid)[0]];
  const made = await saved(await loadLessons(blob(zip)));
  expect(contentsOf(await loadLessons(made))).toEqual(contents);
  const [python, app] = await Promise.all([openZip(blob(zip), MAX_LESSONS_BYTES), openZip(made, MAX_LESSONS_BYTES)]);
  expect(app.names).toEqual(python.names);
  for (const name of python.names.filter((name) => !name.includes("safetensors")))
    expect(await app.read(name)).toEqual(await python.read(name));
});

test("pictures are loaded one by one, and equal lessons give equal files", async () => {
  const loaded = await loadLessons(blob((valid[0] as { zip: string }).zip));
  let open = 0;
  const file = await saveLessons(loaded.lessons, loaded.names, async (id) => {
    expect(++open).toBe(1);
    await Promise.resolve();
    open--;
    return loaded.crops.get(id) as Uint8Array<ArrayBuffer>;
  });
  expect(await file.arrayBuffer()).toEqual(await (await saved(loaded)).arrayBuffer());
});

describe("what Python refuses is refused", () => {
  test.each(wrong.map(({ message, zip }, i) => [i, message, zip] as const))("file %i: %s", async (_, message, zip) => {
    const error = await loadLessons(blob(zip)).then(
      () => null,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(LessonError);
    expect(error.message).toContain("unusableFile: ");
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(500);
  });
});

test("a flipped bit is detected wherever it matters", async () => {
  const [{ zip, contents }] = valid as [(typeof valid)[0]];
  const data = unpacked(zip);
  let refused = 0;
  for (let i = 0; i < data.length; i++) {
    const damaged = data.slice();
    damaged[i] = (damaged[i] as number) ^ (1 << (i % 8));
    const got = await loadLessons(new Blob([damaged])).catch((error) => {
      if (!(error instanceof LessonError)) throw error;
      refused++;
    });
    if (got) expect(contentsOf(got)).toEqual(contents);
  }
  expect(refused).toBeGreaterThan(data.length / 2);
}, 60_000);

test("a bomb is refused before it is unpacked, also where its directory lies", async () => {
  const zip = await writeZip(new Map([["lessons.json", () => new Uint8Array(2 ** 24)]]));
  const bomb = new Uint8Array(await zip.arrayBuffer());
  const view = new DataView(bomb.buffer, Buffer.from(bomb).indexOf("PK\x01\x02"));
  expect(view.getUint32(24, true)).toBe(2 ** 24);
  view.setUint32(24, 2 ** 26, true);
  await expect(loadLessons(new Blob([bomb]))).rejects.toThrow(
    "with lessons.json it has more than 24 MiB when unpacked",
  );
  view.setUint32(24, MAX_LESSONS_BYTES + 1, true);
  await expect(loadLessons(new Blob([bomb]))).rejects.toThrow("expected at most 67108864");
  view.setUint32(24, 1000, true);
  new DataView(bomb.buffer).setUint32(22, 1000, true); // where the file begins it says the same
  const unpacked = vi.spyOn(Uint8ArrayWriter.prototype, "writeUint8Array");
  await expect(loadLessons(new Blob([bomb]))).rejects.toThrow("do not match its size or checksum");
  expect(unpacked).not.toHaveBeenCalled(); // the first part was too large already
});

test("a file that changed on disk while it was read is reported as such, not as damaged", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "lessons-")), "lessons.zip");
  writeFileSync(path, unpacked((valid[0] as { zip: string }).zip));
  const file = await openAsBlob(path);
  const archive = await openZip(file, MAX_LESSONS_BYTES);
  writeFileSync(path, "");
  for (const name of archive.names) await expect(archive.read(name)).rejects.toThrow("is it still where it was?");
  await expect(loadLessons(file)).rejects.toThrow("is it still where it was?");
});

test("lessons whose ids are not file names cannot be saved", async () => {
  const picture = { embedding: new Float32Array(1), space: "", tags: ["red"], missed: null };
  const lessons: Lessons = { ...NO_LESSONS, pictures: new Map([["../evil", picture]]) };
  await expect(saveLessons(lessons, new Map(), async () => new Uint8Array())).rejects.toThrow(
    "cannot write a file with the name",
  );
});

test("an error while a picture's square is loaded ends saving", async () => {
  const picture = { embedding: new Float32Array(1), space: "", tags: ["red"], missed: null };
  const lessons: Lessons = { ...NO_LESSONS, pictures: new Map([["a", picture]]) };
  await expect(saveLessons(lessons, new Map(), () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
});
