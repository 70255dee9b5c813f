/** JSON from files, read strictly and checked against a schema before it is used. */

import * as v from "valibot";
import { FileError, messageOf } from "./errors";
import { quote, UNSAFE, visibleText } from "./text";

/** Any JSON object. */
export type Json = Record<string, unknown>;

/** Bytes and values of one file: what phones can hold. */
const [MAX_JSON_BYTES, MAX_JSON_VALUES] = [2 ** 26, 500_000];

/** Lists and objects inside of each other, as in imagetagger/bundle/strict_json.py. */
const MAX_JSON_DEPTH = 100;

/** Parses JSON: UTF-8, no infinite numbers, no lone surrogates, no key twice, at most `most` values. */
export function parseJson(data: Uint8Array<ArrayBuffer>, file: string, most = MAX_JSON_VALUES): unknown {
  const { values, keys, depth } = measure(data.subarray(0, MAX_JSON_BYTES));
  if (data.length > MAX_JSON_BYTES || values > most)
    throw new FileError(`${file} has ${data.length} bytes and about ${values} values, which is too much`);
  try {
    if (depth > MAX_JSON_DEPTH) throw new Error(`lists and objects are nested deeper than ${MAX_JSON_DEPTH}`);
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
    if (countKeys(value) < keys) throw new Error("an object has a key twice");
    return value;
  } catch (error) {
    throw new FileError(`${file} is not valid JSON: ${messageOf(error).slice(0, 300)}`);
  }
}

/** Returns how many values, at most, and keys JSON has, and how deep it is, before it is parsed. */
function measure(data: Uint8Array): { values: number; keys: number; depth: number } {
  let [values, keys, depth, level, isText] = [0, 0, 0, 0, false];
  for (let i = 0; i < data.length; i++) {
    const character = String.fromCharCode(data[i] as number);
    if (character === "," || character === "[" || character === "{") values++; // in texts too, as in Python
    if (character === '"') isText = !isText;
    else if (isText) i += character === "\\" ? 1 : 0;
    else if (character === ":") keys++;
    else if (character === "[" || character === "{") depth = Math.max(depth, ++level);
    else if (character === "]" || character === "}") level--;
  }
  return { values, keys, depth };
}

/** Returns how many keys there are in a value; throws Error for a number or a text that JSON should not hold. */
function countKeys(value: unknown): number {
  if (value === Infinity || value === -Infinity) throw new Error("a number is too large");
  if (typeof value === "string" && /\p{Cs}/u.test(value)) throw new Error("a text holds half a character");
  if (typeof value !== "object" || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countKeys(item), 0);
  return Object.entries(value).reduce((sum, [key, item]) => sum + 1 + countKeys(key) + countKeys(item), 0);
}

/** Returns a value as its schema describes it; throws FileError with the first key that is wrong. */
export function checked<S extends v.GenericSchema>(schema: S, value: unknown, file: string): v.InferOutput<S> {
  const { success, issues, output } = v.safeParse(schema, value, { abortEarly: true, abortPipeEarly: true });
  if (success) return output;
  const [{ path = [], input, received, message }] = issues;
  const keys = path.map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key).slice(0, 100)}`));
  const where = [file, keys.join("").replace(/^\./, "")].filter(Boolean).join(": ");
  const got =
    typeof input === "string" ? `got ${quote(input)}, ` : typeof input === "object" ? "" : `got ${received}, `;
  throw new FileError(`${where}: ${got}expected ${message}`);
}

/** A number from `low` to `high`. */
export function number(low: number, high: number) {
  const range = `${low} .. ${high}`;
  return v.pipe(v.number(range), v.minValue(low, range), v.maxValue(high, range));
}

/** An integer from `low` to `high`. */
export function integer(low: number, high: number) {
  return v.pipe(number(low, high), v.integer(`an integer in ${low} .. ${high}`));
}

/** Any text. */
export const text = v.string("text");

/** True or false. */
export const boolean = v.boolean("true or false");

/** A name or an id: 1 to `longest` characters, none of them UNSAFE, not only spaces. */
export function nameText(longest = 500) {
  const isName = (value: string) => {
    const length = Array.from(value).length;
    return length > 0 && length <= longest && !UNSAFE.test(value) && /\P{Z}/u.test(value);
  };
  return v.pipe(text, v.check(isName, `1 to ${longest} characters, no control characters or marks that reverse text`));
}

/** A name or an id of 1 to 500 characters, without those that are UNSAFE; "" if there were no others. */
export function visibleName() {
  const isShort = (value: string) => value.length > 0 && Array.from(value).length <= 500;
  return v.pipe(text, v.check(isShort, "1 to 500 characters"), v.transform(visibleText));
}

/** A SHA-256 in hexadecimal. */
export const sha256Text = v.pipe(text, v.regex(/^[0-9a-f]{64}$/, "a SHA-256 in hexadecimal"));

/** One of some texts. */
export function oneOf<const T extends readonly string[]>(...options: T) {
  return v.picklist(options, `one of ${options.join(", ")}`);
}

/** A list of one kind, or an object as a Map, of at most so many entries. */
export function atMost<S extends v.GenericSchema<unknown, readonly unknown[] | ReadonlyMap<string, unknown>>>(
  schema: S,
  most: number,
) {
  const size = (value: v.InferOutput<S>) => ("size" in value ? value.size : value.length);
  return v.pipe(
    schema,
    v.check((value) => size(value) <= most, `at most ${most} entries`),
  );
}

/** A list of one kind. */
export function listOf<S extends v.GenericSchema>(item: S) {
  return v.array(item, "a list");
}

/** An object of exactly these keys. */
export function shape<const E extends v.ObjectEntries>(entries: E) {
  return v.strictObject(entries, `the keys ${Object.keys(entries).join(", ")}`);
}

/** An object of any keys and values. */
export const anyObject = v.custom<Json>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "an object",
);

/** An object of keys and values of one kind each, as a Map: valibot's record drops keys such as __proto__. */
export function mapOf<S extends v.GenericSchema>(item: S, name: v.GenericSchema<string> = text) {
  return v.pipe(
    anyObject,
    v.rawTransform(({ dataset, addIssue, NEVER }): Map<string, v.InferOutput<S>> => {
      const map = new Map<string, v.InferOutput<S>>();
      for (const [key, value] of Object.entries(dataset.value)) {
        const named = v.safeParse(name, key);
        const result = named.success ? v.safeParse(item, value, { abortEarly: true, abortPipeEarly: true }) : named;
        if (!result.success) {
          const [{ path = [], message, received, input }] = result.issues;
          const at = { type: "object", origin: "value", input: dataset.value, key, value } as const;
          addIssue({ message, received, input, path: [at, ...path] });
          return NEVER;
        }
        map.set(named.output as string, result.output);
      }
      return map;
    }),
  );
}
