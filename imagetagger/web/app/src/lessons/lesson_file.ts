/** Lessons as one .zip that people can open, and that `Tagger.load` reads. See imagetagger/tagger/lesson_file.py. */

import * as v from "valibot";
import { type Archive, openZip, writeZip } from "../files/archive";
import { type Float32Tensor, readTensors, writeTensors } from "../files/safetensors";
import { FileError, messageOf } from "../format/errors";
import {
  atMost,
  boolean,
  checked,
  type Json,
  listOf,
  mapOf,
  nameText,
  number,
  parseJson,
  shape,
  visibleName,
} from "../format/json";
import { isBounded, MAX_MAGNITUDE } from "../format/rows";
import { byCodePoint, quote } from "../format/text";
import { MAX_LISTED_TAGS, MAX_OWN_TAGS, MAX_PICTURES, MAX_TAGS } from "./edits";
import { LessonError, type Lessons, type TaughtPicture } from "./lessons";

type Bytes = Uint8Array<ArrayBuffer>;

/** The schema of lessons that this app reads and writes. */
const LESSONS_SCHEMA = 1;

/** Bytes of all unpacked files together: what phones can hold. */
export const MAX_LESSONS_BYTES = 2 ** 30;

// Earlier versions took names with control characters or marks that reverse text, and made ids of them.
const tag = v.pipe(visibleName(), nameText());
const merges = mapOf(tag, tag);
const names = v.pipe(
  mapOf(visibleName(), tag),
  v.transform((names) => new Map(Array.from(names, ([id, name]) => [id, name.trim() ? name : id]))),
);
const listedTags = atMost(listOf(tag), MAX_LISTED_TAGS);

/** A picture in lessons.json. */
const listedPicture = shape({
  id: nameText(),
  embedding_space: nameText(),
  tags: v.pipe(
    atMost(listOf(tag), MAX_TAGS),
    v.minLength(1, "at least one of its tags"),
    v.transform((tags) => [...new Set(tags)]),
  ),
  /** Absent in files of older versions. */
  missed: v.optional(v.nullable(number(0, 1)), null),
});

/** The contents of lessons.json. */
const lessonsContent = shape({
  schema: v.literal(LESSONS_SCHEMA, `the schema ${LESSONS_SCHEMA}`),
  contains_pictures: boolean,
  /** Of the tags that the pictures teach, by id. */
  names: atMost(names, MAX_LISTED_TAGS),
  pictures: atMost(listOf(listedPicture), MAX_PICTURES),
  edits: shape({
    ...{ names: atMost(names, MAX_OWN_TAGS), merged: atMost(merges, MAX_OWN_TAGS), removed: listedTags },
    /** Absent in files of older versions. */
    hidden: v.optional(listedTags, []),
  }),
});

const README = `This file contains what an image tagger was taught, INCLUDING THE PICTURES it was taught with, as
small squares (pictures/). Share it only with people who may see them.

lessons.json             which picture was taught as what, and changes of the tags
embeddings.safetensors   what the network saw in each picture
pictures/                the squares the network was shown

imagetagger reads it: Tagger.load(bundle, lessons=FILE), or Tagger.merge_lessons(FILE) to add it to your own lessons.
`;

/** The contents of a file of lessons. */
export interface LoadedLessons {
  lessons: Lessons;
  /** Of the tags that the pictures teach, by id, for bundles that lack them. */
  names: Map<string, string>;
  /** By picture: PNG of the square that the network saw. */
  crops: Map<string, Bytes>;
}

/** Returns lessons as a .zip, with the names of the tags that they teach. `crop` loads the PNG of one picture at a time. */
export async function saveLessons(
  lessons: Lessons,
  names: ReadonlyMap<string, string>,
  crop: (id: string) => Promise<Bytes>,
): Promise<Blob> {
  const { edits, pictures } = lessons;
  const content = {
    schema: LESSONS_SCHEMA,
    contains_pictures: pictures.size > 0,
    names: Object.fromEntries(names),
    pictures: Array.from(pictures, ([id, { space, tags, missed }]) => ({ id, embedding_space: space, tags, missed })),
    edits: {
      names: Object.fromEntries(edits.names),
      merged: Object.fromEntries(edits.merged),
      removed: [...edits.removed].sort(byCodePoint),
      hidden: [...edits.hidden].sort(byCodePoint),
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
export async function loadLessons(file: Blob): Promise<LoadedLessons> {
  try {
    const archive = await openZip(file, MAX_LESSONS_BYTES, largest);
    if (!archive.names.includes("lessons.json"))
      throw new LessonError(
        archive.names.includes("manifest.json")
          ? "it is a tagger (a bundle), not lessons"
          : "lessons.json is missing: expected a file that this app exported or that Tagger.save wrote",
      );
    return await parse(archive);
  } catch (error) {
    if (!(error instanceof LessonError || error instanceof FileError)) throw error;
    throw new LessonError({ kind: "unusableFile", why: messageOf(error) });
  }
}

/** Bytes that a file may have: pictures are small squares. */
function largest(name: string): number {
  return name.endsWith(".safetensors") ? MAX_LESSONS_BYTES : 2 ** 26;
}

async function parse(archive: Archive): Promise<LoadedLessons> {
  const value = parseJson((await archive.read("lessons.json")) as Bytes, "lessons.json");
  const schema = (value as Json | null)?.schema;
  if (typeof schema === "number" && schema > LESSONS_SCHEMA)
    throw new LessonError(`it has schema ${schema}, this app reads ${LESSONS_SCHEMA}: reload the app to update it`);
  const content = checked(lessonsContent, value, "lessons.json");
  const file = "embeddings.safetensors";
  const { tensors } = readTensors((await archive.read(file)) ?? new Uint8Array(), file, content.pictures.length);
  const pictures = new Map<string, TaughtPicture>();
  const crops = new Map<string, Bytes>();
  for (const { id, embedding_space: space, tags, missed } of content.pictures) {
    const [crop, tensor] = [await archive.read(`pictures/${id}.png`), tensors.get(id)];
    if (!crop || !tensor || pictures.has(id))
      throw new LessonError(`picture ${quote(id)} has no pixels or no embedding, or comes twice`);
    if (tensor.shape.length !== 1 || !isBounded(tensor.values))
      throw new LessonError(
        `${file}: ${quote(id)} is (${tensor.shape}), expected float32 (D), each from ${-MAX_MAGNITUDE} to ${MAX_MAGNITUDE}`,
      );
    pictures.set(id, { embedding: tensor.values, space, tags, missed });
    crops.set(id, crop);
  }
  const { names, merged, removed, hidden } = content.edits;
  const edits = { names, merged, removed: new Set(removed), hidden: new Set(hidden) };
  return { lessons: { pictures, edits }, names: content.names, crops };
}
