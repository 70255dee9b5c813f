import { createHash } from "node:crypto";
import { mkdtempSync, openAsBlob, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openZip, writeZip } from "../src/files/archive";
import { LIMIT, pack, type Unpacked, unpack } from "../src/lessons/lesson_file";
import { EMPTY, LessonError, type Lessons } from "../src/lessons/lessons";
import { golden, unpacked } from "./golden";

interface Held {
  pictures: [string, string, string[], number | null, number[], string][];
  names: Record<string, string>;
  edits: [Record<string, string>, Record<string, string>, string[]];
}

interface Golden {
  sound: { zip: string; holds: Held }[];
  wrong: { says: string; zip: string }[];
}

const { sound, wrong } = golden<Golden>("lesson_file");

function blob(zip: string): Blob {
  return new Blob([unpacked(zip)]);
}

function held({ lessons, names, crops }: Unpacked): Held {
  const { names: renamed, merged, removed } = lessons.edits;
  return {
    pictures: Array.from(lessons.pictures, ([id, { space, tags, missed, embedding }]) => {
      const hash = createHash("sha256").update(crops.get(id) as Uint8Array);
      return [id, space, [...tags], missed, Array.from(embedding), hash.digest("hex")];
    }),
    names: Object.fromEntries(names),
    edits: [Object.fromEntries(renamed), Object.fromEntries(merged), [...removed].sort()],
  };
}

async function repacked({ lessons, names, crops }: Unpacked): Promise<Blob> {
  return pack(lessons, names, async (id) => crops.get(id) as Uint8Array<ArrayBuffer>);
}

test.each(sound.map(({ zip, holds }, i) => [i, zip, holds] as const))(
  "file %i is read as Python reads it",
  async (_, zip, holds) => {
    expect(held(await unpack(blob(zip)))).toEqual(holds);
  },
);

test("what was packed is unpacked, and has the files that Python writes, with the same text", async () => {
  const [{ zip, holds }] = sound as [(typeof sound)[0]];
  const made = await repacked(await unpack(blob(zip)));
  expect(held(await unpack(made))).toEqual(holds);
  const [python, own] = await Promise.all([openZip(blob(zip), LIMIT), openZip(made, LIMIT)]);
  expect(own.names).toEqual(python.names);
  for (const name of python.names.filter((name) => !name.includes("safetensors")))
    expect(await own.read(name)).toEqual(await python.read(name));
});

test("pictures are asked for one by one, and equal lessons are equal files", async () => {
  const some = await unpack(blob((sound[0] as { zip: string }).zip));
  let open = 0;
  const file = await pack(some.lessons, some.names, async (id) => {
    expect(++open).toBe(1);
    await Promise.resolve();
    open--;
    return some.crops.get(id) as Uint8Array<ArrayBuffer>;
  });
  expect(await file.arrayBuffer()).toEqual(await (await repacked(some)).arrayBuffer());
});

describe("what Python refuses is refused", () => {
  test.each(wrong.map(({ says, zip }, i) => [i, says, zip] as const))("file %i: %s", async (_, says, zip) => {
    const error = await unpack(blob(zip)).then(
      () => null,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(LessonError);
    expect(error.message).toContain("cannot be used as lessons: ");
    expect(error.message).toContain(says);
    expect(error.message.length).toBeLessThan(500);
  });
});

test("a flipped bit is found wherever it changes anything", async () => {
  const [{ zip, holds }] = sound as [(typeof sound)[0]];
  const data = unpacked(zip);
  let found = 0;
  for (let i = 0; i < data.length; i++) {
    const damaged = data.slice();
    damaged[i] = (damaged[i] as number) ^ (1 << (i % 8));
    const got = await unpack(new Blob([damaged])).catch((error) => {
      if (!(error instanceof LessonError)) throw error;
      found++;
    });
    if (got) expect(held(got)).toEqual(holds);
  }
  expect(found).toBeGreaterThan(data.length / 2);
}, 60_000);

test("a bomb is refused before it is unpacked: by what its directory says, and by what comes where that lies", async () => {
  const zip = await writeZip(new Map([["lessons.json", () => new Uint8Array(2 ** 24)]]));
  const bomb = new Uint8Array(await zip.arrayBuffer());
  const view = new DataView(bomb.buffer, Buffer.from(bomb).indexOf("PK\x01\x02"));
  expect(view.getUint32(24, true)).toBe(2 ** 24);
  view.setUint32(24, LIMIT + 1, true);
  await expect(unpack(new Blob([bomb]))).rejects.toThrow("1024 MiB when unpacked");
  view.setUint32(24, 1000, true);
  await expect(unpack(new Blob([bomb]))).rejects.toThrow("checksum");
});

test("a file that changed on disk while it was read is called that, and not damaged", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "lessons-")), "lessons.zip");
  writeFileSync(path, unpacked((sound[0] as { zip: string }).zip));
  const file = await openAsBlob(path);
  const archive = await openZip(file, LIMIT);
  writeFileSync(path, "");
  for (const name of archive.names) await expect(archive.read(name)).rejects.toThrow("is it still where it was?");
  await expect(unpack(file)).rejects.toThrow("is it still where it was?");
});

test("lessons whose ids are no file names cannot be packed", async () => {
  const picture = { embedding: new Float32Array(1), space: "", tags: ["red"], missed: null };
  const lessons: Lessons = { ...EMPTY, pictures: new Map([["../evil", picture]]) };
  await expect(pack(lessons, new Map(), async () => new Uint8Array())).rejects.toThrow("cannot be named");
});

test("what a picture's square throws ends packing", async () => {
  const picture = { embedding: new Float32Array(1), space: "", tags: ["red"], missed: null };
  const lessons: Lessons = { ...EMPTY, pictures: new Map([["a", picture]]) };
  await expect(pack(lessons, new Map(), () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
});
