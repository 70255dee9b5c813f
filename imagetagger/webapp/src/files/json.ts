/** JSON from files, strictly read: every value is checked before it is used. */

import { quote } from "../lessons/names";

/** A file that cannot be used; the message says what is wrong with it. */
export class BundleError extends Error {
  override name = "BundleError";
}

/** Any JSON object. */
export type Json = Record<string, unknown>;

/** Throws BundleError, and says where, unless a value is of a kind. */
export type Check = (value: unknown, where: string) => void;

/** Parses JSON: UTF-8, no infinite numbers, no half characters. A key that comes twice counts as its last one. */
export function parseJson(data: Uint8Array<ArrayBuffer>, where: string): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    return JSON.parse(text, (key, value) => {
      if (value === Infinity || value === -Infinity) throw new Error("a number is too large");
      if (/\p{Cs}/u.test(key) || (typeof value === "string" && /\p{Cs}/u.test(value)))
        throw new Error("a text holds half a character");
      return value;
    });
  } catch (error) {
    throw new BundleError(`${where} is no valid JSON: ${messageOf(error).slice(0, 300)}`);
  }
}

/** Any text. */
export const text: Check = (value, where) => {
  if (typeof value !== "string") refuse(value, where, "text");
};

/** A finite number from `low` to `high`. */
export function number(low = -1e300, high = 1e300): Check {
  return (value, where) => {
    if (typeof value !== "number" || !(low <= value && value <= high)) refuse(value, where, `${low} .. ${high}`);
  };
}

/** A whole number from `low` to `high`. */
export function whole(low: number, high: number): Check {
  return (value, where) => {
    number(low, high)(value, where);
    if (!Number.isInteger(value)) refuse(value, where, "a whole number");
  };
}

/** True or false. */
export const truth: Check = (value, where) => {
  if (typeof value !== "boolean") refuse(value, where, "true or false");
};

/** A SHA-256 in hexadecimal. */
export const sha256Text: Check = (value, where) => {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) refuse(value, where, "a SHA-256 in hexadecimal");
};

/** One of some texts. */
export function oneOf(...options: readonly string[]): Check {
  return (value, where) => {
    if (!options.includes(value as string)) refuse(value, where, `one of ${options.join(", ")}`);
  };
}

/** Null, or what `check` accepts. */
export function nullable(check: Check): Check {
  return (value, where) => {
    if (value !== null) check(value, where);
  };
}

/** A list, every item of which `check` accepts. */
export function listOf(check: Check): Check {
  return (value, where) => {
    if (!Array.isArray(value)) refuse(value, where, "a list");
    for (const [i, item] of (value as unknown[]).entries()) check(item, `${where}: ${i}`);
  };
}

/** An object of any keys, every value of which `check` accepts. */
export function mapOf(check: Check): Check {
  return (value, where) => {
    for (const [key, item] of Object.entries(object(value, where))) check(item, `${where}.${key.slice(0, 100)}`);
  };
}

/** Any object. */
export const anyObject: Check = (value, where) => {
  object(value, where);
};

/** An object of exactly these keys. */
export function shape(checks: Readonly<Record<string, Check>>): Check {
  const names = Object.keys(checks);
  return (value, where) => {
    const entries = object(value, where);
    const got = Object.keys(entries);
    if (got.length !== names.length || !names.every((name) => Object.hasOwn(entries, name)))
      throw new BundleError(`${where}: got the keys ${few(got)}, expected ${names.join(", ")}`);
    for (const [name, check] of Object.entries(checks)) check(entries[name], `${where}: ${name}`);
  };
}

/** Returns a value as an object; throws BundleError where it is none. */
export function object(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(value, where, "an object");
  return value as Json;
}

/** Returns the first names for a message, and how many more there are. */
export function few(names: readonly string[]): string {
  const shown = names
    .slice(0, 5)
    .map((name) => name.slice(0, 100))
    .join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** Returns the message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function refuse(value: unknown, where: string, expected: string): never {
  const got = quote(typeof value === "string" ? value : (JSON.stringify(value) ?? String(value)).slice(0, 100));
  throw new BundleError(`${where}: got ${got}, expected ${expected}`);
}
