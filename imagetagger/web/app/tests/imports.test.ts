import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const APP = join(import.meta.dirname, "..");

/** A file of src/, what it imports, and whether that is the wrong direction. */
const IMPORTS = [
  ["format/a.ts", "../files/archive", true],
  ["files/a.ts", "../pixels/decode", true],
  ["pixels/a.ts", "../prediction/predict", true],
  ["prediction/a.ts", "../bundle/reader", true],
  ["bundle/a.ts", "../lessons/lessons", true],
  ["lessons/a.ts", "../engine/session", true],
  ["api.ts", "./engine/engine", true],
  ["engine/a.ts", "../ui/App", true],
  ["ui/a.tsx", "../engine/engine", true],
  ["ui/b.ts", "../lessons/lessons", true],
  ["format/b.ts", "./errors", false],
  ["files/b.ts", "../format/errors", false],
  ["bundle/b.ts", "../files/safetensors", false],
  ["engine/b.ts", "../lessons/lessons", false],
  ["ui/c.ts", "../format/names", false],
  ["ui/d.ts", "../api", false],
] as const;

test("Biome refuses imports in the wrong direction, and no others", () => {
  const folder = mkdtempSync(join(tmpdir(), "imports-"));
  copyFileSync(join(APP, "biome.json"), join(folder, "biome.json"));
  for (const [name, target] of IMPORTS) {
    const path = join(folder, "src", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `export { some } from "${target}";\n`);
  }
  const command = [join(APP, "node_modules/@biomejs/biome/bin/biome"), "lint", "--colors=off", "src"];
  const { stdout, stderr } = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
  const refused = Array.from(
    (stdout + stderr).matchAll(/^src\/(\S+?):\d.* lint\/style\/noRestrictedImports/gm),
    (m) => m[1],
  );
  expect(refused.sort()).toEqual(IMPORTS.flatMap(([name, , isWrong]) => (isWrong ? [name] : [])).sort());
});
