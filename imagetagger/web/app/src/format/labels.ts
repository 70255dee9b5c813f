/** The words of a bundle: its tags, and the broader terms that they belong to. See imagetagger/bundle/labels.py. */

import * as v from "valibot";
import { FileError } from "./errors";
import { boolean, checked, listOf, nameText, parseJson, shape } from "./json";
import { quote } from "./text";

const MAX_LABELS = 50_000;
const MAX_TERMS = 10_000;
/** Pairs of a term and a tag or term. */
const MAX_TERM_PAIRS = 50_000_000;

const labelText = nameText();

const broaderIds = v.pipe(listOf(labelText), v.maxLength(100, "at most 100 broader terms"));

const labelKeys = {
  id: labelText,
  name: labelText,
  synonyms: v.pipe(listOf(labelText), v.maxLength(1000, "at most 1000 synonyms")),
  broader: v.optional(broaderIds, []),
};

/** Tags of the bundle, whose ids differ. */
const labelList = v.pipe(
  listOf(shape(labelKeys)),
  v.minLength(1, "at least one tag"),
  v.maxLength(MAX_LABELS, `at most ${MAX_LABELS} tags`),
  v.check((labels) => new Set(labels.map(({ id }) => id)).size === labels.length, "tags of different ids"),
);

const termList = v.pipe(
  listOf(shape({ ...labelKeys, everyday: v.optional(boolean, false) })),
  v.maxLength(MAX_TERMS, `at most ${MAX_TERMS} terms`),
);

/** A tag: its stable id, the name that people see, other names that they may look for, ids of broader terms. */
export interface Label {
  id: string;
  name: string;
  synonyms: readonly string[];
  broader: readonly string[];
}

/** A broader term, such as "dog": what several tags have in common. It has an id that no tag of the bundle has. */
export interface Term extends Label {
  /** Whether a picture may be described by it; others are only searched. */
  everyday: boolean;
}

/** Reads labels.json; throws FileError with what is wrong. */
export function readLabels(data: Uint8Array<ArrayBuffer>): Label[] {
  return checked(labelList, parseJson(data, "labels.json"), "labels.json");
}

/** Reads terms.json, null without one: the terms that tags and terms name as broader, without circles. */
export function readTerms(data: Uint8Array<ArrayBuffer> | null, labels: readonly Label[]): Term[] {
  const file = "terms.json";
  const terms = data === null ? [] : checked(termList, parseJson(data, file), file);
  const known = new Map(terms.map((term) => [term.id, term.broader]));
  if (known.size < terms.length || labels.some(({ id }) => known.has(id)))
    throw new FileError(`${file}: two terms, or a term and a tag, have the same id`);
  if (terms.length * (labels.length + terms.length) > MAX_TERM_PAIRS)
    throw new FileError(`${file} has ${terms.length} terms for ${labels.length} tags, expected fewer`);
  for (const { id, broader } of [...labels, ...terms]) {
    const strange = broader.find((key) => !known.has(key));
    if (strange !== undefined)
      throw new FileError(`${quote(id)} has the broader term ${quote(strange)}, which ${file} lacks`);
  }
  const circle = findCircle(known);
  if (circle !== undefined) throw new FileError(`${file}: ${quote(circle)} is a broader term of itself`);
  return terms;
}

/** Returns a term that is reached from itself, or leads to one that is; undefined without any. */
function findCircle(broader: ReadonlyMap<string, readonly string[]>): string | undefined {
  const remaining = new Map(Array.from(broader, ([id, above]) => [id, new Set(above)]));
  const below = new Map<string, string[]>(Array.from(broader.keys(), (id) => [id, []]));
  for (const [id, above] of remaining) for (const other of above) below.get(other)?.push(id);
  const free = [...remaining].filter(([, above]) => above.size === 0).map(([id]) => id);
  for (let done = free.pop(); done !== undefined; done = free.pop()) {
    remaining.delete(done);
    for (const id of below.get(done) ?? []) {
      const above = remaining.get(id);
      above?.delete(done);
      if (above?.size === 0) free.push(id);
    }
  }
  return remaining.keys().next().value;
}
