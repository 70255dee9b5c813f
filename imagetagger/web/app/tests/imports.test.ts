import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { expect, test } from "vitest";

const SOURCE = join(import.meta.dirname, "..", "src");

/**
 * Folders and files of src/, each of which may import those before it: so the engine cannot use words of a language.
 * api.ts is all that the page may import of the engine.
 */
const LAYERS = [
  ...["problems", "files", "pixels", "prediction", "bundle", "lessons"],
  ...["acts", "api", "queue", "engine", "words", "ui", "main"],
];

/** The folder, or the file without its ending, that a path of src/ belongs to. */
function layerOf(path: string): string {
  return (relative(SOURCE, path).split(sep)[0] as string).replace(/\.tsx?$/, "");
}

test("folders import in one direction only", () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  const upwards: string[] = [];
  for (const name of files) {
    const path = join(SOURCE, name);
    for (const [, target] of readFileSync(path, "utf8").matchAll(/(?:from|import\(?) "(\.[^"]*)"/g)) {
      const [from, to] = [layerOf(path), layerOf(join(dirname(path), target as string))];
      if (to.endsWith("package.json") || to === "..") continue;
      if (
        LAYERS.indexOf(to) > LAYERS.indexOf(from) ||
        (from === "ui" && to === "engine") ||
        (from === "words" && to === "engine")
      )
        upwards.push(`${name}: ${to}`);
    }
  }
  expect(files.length).toBeGreaterThan(60);
  expect(upwards).toEqual([]);
});
