import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const { parseSync } = await import("vite");

const UI = join(import.meta.dirname, "..", "src", "ui");

/** Attributes, and props of components, that users read or hear. */
const SPOKEN = /^(aria-label|aria-valuetext|aria-description|alt|title|placeholder|label|input|text|yes)$/;

/** What is the same in all languages: names of the app and of formats, signs. */
const NAMES = new Set(["imagetagger", "CSV", "JSON", "?", "·"]);

interface Node {
  type: string;
  [key: string]: unknown;
}

/** Texts in JSX that no language can change, with the file that they are in. */
function literals(file: string, code: string): string[] {
  const found: string[] = [];
  const take = (text: string) => {
    const words = text.replace(/\s+/g, " ").trim();
    if (/[\p{L}?]/u.test(words) && !NAMES.has(words)) found.push(`${file}: ${words}`);
  };
  const takeStrings = (value: Node): void => {
    if (value.type === "Literal" && typeof value.value === "string") take(value.value);
    else if (value.type === "TemplateLiteral")
      for (const { value: part } of value.quasis as { value: { cooked: string } }[]) take(part.cooked);
    else if (value.type === "JSXExpressionContainer") takeStrings(value.expression as Node);
    else if (value.type === "ConditionalExpression")
      for (const branch of [value.consequent, value.alternate]) takeStrings(branch as Node);
    else if (value.type === "LogicalExpression") takeStrings(value.right as Node);
  };
  const walk = (node: Node): void => {
    if (node.type === "JSXText") take(node.value as string);
    if (node.type === "JSXAttribute" && SPOKEN.test((node.name as { name: string }).name) && node.value)
      takeStrings(node.value as Node);
    if (node.type === "JSXElement" || node.type === "JSXFragment")
      for (const child of node.children as Node[]) if (child.type === "JSXExpressionContainer") takeStrings(child);
    for (const value of Object.values(node))
      for (const each of Array.isArray(value) ? value : [value])
        if (typeof each === "object" && each !== null && "type" in each) walk(each as Node);
  };
  walk(parseSync(file, code).program as unknown as Node);
  return found;
}

test("the words of every component are those of the language", () => {
  const files = readdirSync(UI).filter((name) => name.endsWith(".tsx"));
  expect(files.length).toBeGreaterThan(25);
  expect(files.flatMap((name) => literals(name, readFileSync(join(UI, name), "utf8")))).toEqual([]);
});

test("a literal is found wherever users would read it", () => {
  const found = literals(
    "x.tsx",
    `const x = <a title="one" class="no">two {y ? "three" : \`four \${z}\`}<b>{y && "five"}</b></a>;`,
  );
  expect(found).toEqual(["x.tsx: three", "x.tsx: four", "x.tsx: one", "x.tsx: two", "x.tsx: five"]);
});
