/** Lessons as a file that `Tagger.load` and other devices read: one .zip that people can open. See imagetagger/lesson_file.py. */

import { type Archive, openZip, writeZip } from "../files/archive";
import {
  anyObject,
  BundleError,
  few,
  listOf,
  mapOf,
  messageOf,
  nullable,
  number,
  object,
  parseJson,
  shape,
  text,
} from "../files/json";
import { type Float32Tensor, readTensors, writeTensors } from "../files/safetensors";
import { type Edits, LessonError, type Lessons, type Picture } from "./lessons";
import { byCodePoint, quote } from "./names";

type Bytes = Uint8Array<ArrayBuffer>;

/** The schema of lessons that this app reads and writes. */
export const SCHEMA = 1;

/** Bytes of all unpacked files together: what phones can hold. */
export const LIMIT = 2 ** 30;

const KEYS = ["schema", "contains_pictures", "names", "pictures", "edits"];

const README = `This file holds what an image tagger was taught, INCLUDING THE PICTURES it was taught with, as small
squares (pictures/). Share it only with people who may see them.

lessons.json             which picture was taught as what, and changes of the tags
embeddings.safetensors   what the network saw in each picture
pictures/                the squares the network was shown

imagetagger reads it: Tagger.load(bundle, lessons=FILE), or Tagger.unite(FILE) to add it to lessons of your own.
`;

/** What a file of lessons holds. */
export interface Unpacked {
  lessons: Lessons;
  /** Of the tags that they teach, by id, for bundles that lack them. */
  names: Map<string, string>;
  /** By picture: PNG of what the network saw. */
  crops: Map<string, Bytes>;
}

/** Returns lessons as a .zip; `names` of the tags that they teach, and the PNG of each picture, asked for one by one. */
export async function pack(
  lessons: Lessons,
  names: ReadonlyMap<string, string>,
  crop: (id: string) => Promise<Bytes>,
): Promise<Blob> {
  const { edits, pictures } = lessons;
  const content = {
    schema: SCHEMA,
    contains_pictures: pictures.size > 0,
    names: Object.fromEntries(names),
    pictures: Array.from(pictures, ([id, { space, tags, missed }]) => ({ id, embedding_space: space, tags, missed })),
    edits: {
      names: Object.fromEntries(edits.names),
      merged: Object.fromEntries(edits.merged),
      removed: [...edits.removed].sort(byCodePoint),
    },
  };
  const embeddings = new Map<string, Float32Tensor>();
  for (const [id, { embedding }] of pictures)
    embeddings.set(id, { shape: [embedding.length], values: Float32Array.from(embedding) });
  const encoder = new TextEncoder();
  const files: [string, () => Promise<Bytes> | Bytes][] = [
    ["README.txt", () => encoder.encode(README)],
    ["embeddings.safetensors", () => writeTensors(embeddings)],
    ["lessons.json", () => encoder.encode(JSON.stringify(content, null, 1))],
  ];
  for (const id of [...pictures.keys()].sort(byCodePoint)) files.push([`pictures/${id}.png`, () => crop(id)]);
  return writeZip(new Map(files));
}

/** Reads lessons; throws LessonError where the file is something else, damaged, or of a newer schema. */
export async function unpack(file: Blob): Promise<Unpacked> {
  try {
    const archive = await openZip(file, LIMIT);
    if (!archive.names.includes("lessons.json"))
      throw new LessonError(
        archive.names.includes("manifest.json")
          ? "this is a tagger (a bundle), and no lessons"
          : "lessons.json is missing: expected a file that this app exported, or that Tagger.save wrote",
      );
    return await parse(archive);
  } catch (error) {
    if (!(error instanceof LessonError || error instanceof BundleError)) throw error;
    throw new LessonError(`This file cannot be used as lessons: ${messageOf(error)}`);
  }
}

interface Item {
  id: string;
  embedding_space: string;
  tags: string[];
  missed?: number | null;
}

async function parse(archive: Archive): Promise<Unpacked> {
  const content = object(parseJson((await archive.read("lessons.json")) as Bytes, "lessons.json"), "lessons.json");
  if (content.schema !== SCHEMA) {
    const mend = Number(content.schema) > SCHEMA ? ": reload the app to update it" : "";
    throw new LessonError(`it has schema ${quote(String(content.schema))}, this app reads ${SCHEMA}${mend}`);
  }
  const got = Object.keys(content);
  if (got.length !== KEYS.length || !KEYS.every((key) => Object.hasOwn(content, key)))
    throw new LessonError(`lessons.json: got the keys ${few(got)}, expected ${KEYS.join(", ")}`);
  mapOf(text)(content.names, "lessons.json: names");
  listOf(anyObject)(content.pictures, "lessons.json: pictures");
  const { tensors } = readTensors(
    (await archive.read("embeddings.safetensors")) ?? new Uint8Array(),
    "embeddings.safetensors",
  );
  const pictures = new Map<string, Picture>();
  const crops = new Map<string, Bytes>();
  for (const item of content.pictures as Item[]) {
    checkItem(item);
    const { id, embedding_space: space, tags, missed } = item;
    const [crop, tensor] = [await archive.read(`pictures/${id}.png`), tensors.get(id)];
    if (!crop || !tensor || !tags.length || pictures.has(id))
      throw new LessonError(`picture ${quote(id)} has no tags, no pixels or no embedding, or comes twice`);
    if (tags.includes("")) throw new LessonError(`picture ${quote(id)} has a tag whose id is empty`);
    if (tensor.shape.length !== 1 || !tensor.values.every(Number.isFinite))
      throw new LessonError(`embeddings.safetensors: ${quote(id)} is (${tensor.shape}), expected finite float32 (D)`);
    pictures.set(id, { embedding: tensor.values, space, tags, missed: missed ?? null });
    crops.set(id, crop);
  }
  const names = new Map(Object.entries(content.names as Record<string, string>));
  return { lessons: { pictures, edits: editsOf(content.edits) }, names, crops };
}

function checkItem({ id, embedding_space, tags, missed = null }: Item): void {
  shape({ id: text, embedding_space: text, tags: listOf(text), missed: nullable(number(0, 1)) })(
    { id, embedding_space, tags, missed }, // files of older versions lack `missed`
    "lessons.json: pictures",
  );
}

function editsOf(value: unknown): Edits {
  const where = "lessons.json: edits";
  const { names, merged, removed } = object(value, where);
  shape({ names: mapOf(text), merged: mapOf(text), removed: listOf(text) })({ names, merged, removed }, where);
  return {
    names: new Map(Object.entries(names as Record<string, string>)),
    merged: new Map(Object.entries(merged as Record<string, string>)),
    removed: new Set(removed as string[]),
  };
}
