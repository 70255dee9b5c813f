import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { preprocessCSS, resolveConfig } from "vite";
import { expect, test } from "vitest";

const UI = join(import.meta.dirname, "..", "src", "ui");
const UTILITIES = readFileSync(join(UI, "styles", "utilities.css"), "utf8");
const names = readdirSync(UI);
const components = names.filter((name) => name.endsWith(".tsx")).map((name) => readFileSync(join(UI, name), "utf8"));
const config = await resolveConfig({ configFile: false }, "build");

async function classesOf(css: string): Promise<string[]> {
  const { modules = {} } = await preprocessCSS(css, join(UI, "any.module.css"), config);
  return Object.keys(modules).sort();
}

/** The classes of a module that a component reads; "?" for one whose name is not in the code. */
function readsOf(component: string, module: string): string[] {
  const variable = component.match(`import (\\w+) from "\\./${module}"`)?.[1];
  if (variable === undefined) return [];
  return Array.from(component.matchAll(RegExp(`(?<!/)\\b${variable}(?:\\.(\\w+)|[[,)])`, "g")), (m) => m[1] ?? "?");
}

/** The classes that a component names by strings. */
function namedIn(component: string): string[] {
  const values = Array.from(
    component.matchAll(/\b(?:class|look)=(?:("[^"]*")|\{((?:[^{}]|\{[^{}]*\})*)\})/g),
    ([, plain, code]) => (plain ?? code ?? "").replace(/\$\{[^{}]*\}/g, ""),
  );
  const strings = values.flatMap((value) => Array.from(value.matchAll(/["`]([^"`]*)["`]/g), (m) => m[1] ?? ""));
  return strings.flatMap((string) => string.split(" ")).filter((name) => name !== "");
}

test.each(names.filter((name) => name.endsWith(".module.css")))(
  "components read every class of %s, and no others",
  async (name) => {
    const read = components.flatMap((component) => readsOf(component, name));
    expect([...new Set(read)].sort()).toEqual(await classesOf(readFileSync(join(UI, name), "utf8")));
  },
);

test("components name every class of utilities.css by strings, and no others", async () => {
  expect([...new Set(components.flatMap(namedIn))].sort()).toEqual(await classesOf(UTILITIES));
});
