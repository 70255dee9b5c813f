/** The licences of what ships: which packages those are, whether they are allowed, and the text that goes with them. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** SPDX names of licences whose parts may ship: all they ask is to be named, with their text. */
const ALLOWED = ["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

export interface Shipped {
  name: string;
  version: string;
  license: string;
  text: string;
}

/** The packages of package-lock.json that are not for development only, with their licences. Throws on one that may not ship. */
export function shipped(root: string, apache: string): Shipped[] {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries<{ dev?: boolean; version: string }>(lock.packages)
    .filter(([path, entry]) => path !== "" && !entry.dev)
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

function textOf(folder: string, fallback: string | undefined, name: string): string {
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(file));
  const own = files.filter((file) => !/^notice/i.test(file)).length > 0;
  if (!own && fallback === undefined)
    throw new Error(`${name} has no text of its licence: expected a file LICENSE in ${folder}`);
  const texts = files.sort().map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [...(own ? [] : [fallback?.trim()]), ...texts].join("\n\n");
}

/** licenses.txt: who made what, then every text once, then what is compiled into the WebAssembly. */
export function page(packages: readonly Shipped[], apache: string, wasm: string): string {
  const texts = [...new Set([apache.trim(), ...packages.map(({ text }) => text)])];
  const parts = texts.map((text) => {
    const names = packages.filter((part) => part.text === text).map(({ name }) => name);
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
      const apache = readFileSync(join(root, "..", "..", "LICENSE"), "utf8");
      const wasm = readFileSync(join(root, "LICENSES", "litert-wasm.txt"), "utf8");
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: page(shipped(root, apache), apache, wasm) });
    },
  };
}

/** Fails the build where a package that is for development only is bundled, of which licenses.txt would not know. */
export function onlyShipped(root: string): Plugin {
  return {
    name: "only-shipped",
    apply: "build",
    generateBundle(_, bundle) {
      const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
      for (const chunk of Object.values(bundle))
        for (const module of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const path = module.match(/node_modules\/(?:@[^/]+\/)?[^/]+/g)?.at(-1);
          if (path && (!lock.packages[path] || lock.packages[path].dev))
            throw new Error(`${path} is bundled and not among the dependencies of package.json`);
        }
    },
  };
}
