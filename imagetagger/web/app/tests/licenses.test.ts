import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundledPackages, page } from "../licenses";

const ROOT = join(import.meta.dirname, "..");
const APACHE = readFileSync(join(ROOT, "..", "..", "..", "LICENSE"), "utf8");

/** A folder with one package of this licence, and with these files. */
function made(license: unknown, files: Record<string, string> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "licenses-"));
  const folder = join(root, "node_modules", "part");
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, "package.json": JSON.stringify({ license }) }))
    writeFileSync(join(folder, name), text);
  const packages = { "": {}, "node_modules/part": { version: "1.2.3" }, "node_modules/tool": { dev: true } };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages }));
  return root;
}

test("every dependency of the app is named with its licence, and its text is there", () => {
  const packages = bundledPackages(ROOT, APACHE);
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const names = packages.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...Object.keys(dependencies), "@litertjs/wasm-utils", "workbox-core"]));
  expect(names.filter((name) => name in devDependencies)).toEqual([]);
  const text = page(packages, APACHE, "parts of the WebAssembly");
  for (const part of packages) {
    expect(text).toContain(`  ${part.name} ${part.version}: ${part.license}\n`);
    expect(text.split(part.text)).toHaveLength(2);
  }
  expect(text).toContain("parts of the WebAssembly");
});

test("a package without a text of its own has the one of Apache-2.0, which is the same for all", () => {
  expect(bundledPackages(made("Apache-2.0"), APACHE)[0]?.text).toBe(APACHE.trim());
  expect(bundledPackages(made("Apache-2.0", { NOTICE: "by me" }), APACHE)[0]?.text).toBe(`${APACHE.trim()}\n\nby me`);
  expect(bundledPackages(made("MIT", { "LICENSE.md": "free\n" }), APACHE)[0]?.text).toBe("free");
});

test("a package that may not ship fails the build", () => {
  expect(() => bundledPackages(made("GPL-3.0-only", { LICENSE: "no" }), APACHE)).toThrow(
    'part has the licence "GPL-3.0-only", expected one of Apache-2.0',
  );
  expect(() => bundledPackages(made(undefined, { LICENSE: "?" }), APACHE)).toThrow("part has the licence undefined");
  expect(() => bundledPackages(made("MIT", { NOTICE: "by me" }), APACHE)).toThrow("part has no text of its licence");
});
