/** The licences of bundled packages: which packages are bundled, whether their licences are allowed, and their texts. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** SPDX names of allowed licences: they ask for no more than their text. */
const ALLOWED = ["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

export interface BundledPackage {
  name: string;
  version: string;
  license: string;
  text: string;
}

/** The packages of package-lock.json that the app depends on, with their licences. Throws on a licence that is not allowed. */
export function bundledPackages(root: string, apache: string): BundledPackage[] {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries<LockEntry>(lock.packages)
    .filter(([path, entry]) => path !== "" && !isForDevelopment(entry))
    .map(([path, { version }]) => {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      const license: unknown = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")).license;
      if (typeof license !== "string" || !ALLOWED.includes(license))
        throw new Error(`${name} has the licence ${JSON.stringify(license)}, expected one of ${ALLOWED.join(", ")}`);
      return {
        name,
        version,
        license,
        text: textOf(join(root, path), license === "Apache-2.0" ? apache : undefined, name),
      };
    });
}

interface LockEntry {
  version: string;
  dev?: boolean;
  devOptional?: boolean;
  optional?: boolean;
}

/** Packages that only others for development need; TypeScript is an optional peer of valibot, too. */
function isForDevelopment({ dev, devOptional, optional }: LockEntry): boolean {
  return Boolean(dev || devOptional || optional);
}

function textOf(folder: string, fallback: string | undefined, name: string): string {
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(file));
  const hasText = files.some((file) => !/^notice/i.test(file));
  if (!hasText && fallback === undefined)
    throw new Error(`${name} has no text of its licence: expected a file LICENSE in ${folder}`);
  const texts = files.sort().map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [...(hasText ? [] : [fallback?.trim()]), ...texts].join("\n\n");
}

/** licenses.txt: the packages, then every text once, then the licences inside LiteRT's WebAssembly. */
export function page(packages: readonly BundledPackage[], apache: string, wasm: string): string {
  const texts = [...new Set([apache.trim(), ...packages.map(({ text }) => text)])];
  const parts = texts.map((text) => {
    const names = packages.filter((bundled) => bundled.text === text).map(({ name }) => name);
    return section([...(text === apache.trim() ? ["imagetagger"] : []), ...names].join(", "), text);
  });
  return [
    "This app is a part of imagetagger, Apache License 2.0. It contains:\n",
    ...packages.map(({ name, version, license }) => `  ${name} ${version}: ${license}`),
    ...parts,
    section("LiteRT's WebAssembly", wasm.trim()),
  ].join("\n");
}

function section(title: string, text: string): string {
  const line = "=".repeat(80);
  return `\n${line}\n${title}\n${line}\n\n${text}\n`;
}

/** Writes licenses.txt into the build. */
export function licenses(root: string): Plugin {
  return {
    name: "licenses",
    apply: "build",
    generateBundle() {
      const apache = readFileSync(join(root, "..", "..", "..", "LICENSE"), "utf8");
      const wasm = readFileSync(join(root, "LICENSES", "litert-wasm.txt"), "utf8");
      this.emitFile({
        type: "asset",
        fileName: "licenses.txt",
        source: page(bundledPackages(root, apache), apache, wasm),
      });
    },
  };
}

/** Fails the build if a package for development is bundled: licenses.txt would lack it. */
export function onlyDependencies(root: string): Plugin {
  return {
    name: "only-dependencies",
    apply: "build",
    generateBundle(_, bundle) {
      const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
      for (const chunk of Object.values(bundle))
        for (const module of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const path = module.match(/node_modules\/(?:@[^/]+\/)?[^/]+/g)?.at(-1);
          if (path && (!lock.packages[path] || isForDevelopment(lock.packages[path])))
            throw new Error(`${path} is bundled, but not among the dependencies of package.json`);
        }
    },
  };
}
