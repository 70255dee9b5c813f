import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { BuildOptions, Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { licenses, onlyDependencies } from "./licenses.ts";

const LITERT = join(dirname(createRequire(import.meta.url).resolve("@litertjs/core")), "..", "wasm");

/** LiteRT's WebAssembly, loaded by name at run time: a build with relaxed SIMD, and one for browsers without. */
function litert(): Plugin {
  return {
    name: "litert",
    apply: "build",
    generateBundle() {
      for (const build of ["litert_wasm_internal", "litert_wasm_compat_internal"])
        for (const kind of ["js", "wasm"]) {
          const fileName = `${build}.${kind}`;
          this.emitFile({
            type: "asset",
            fileName: `litert/${fileName}`,
            source: readFileSync(join(LITERT, fileName)),
          });
        }
    },
  };
}

/** The page of `imagetagger archive review`, in a folder of its own: the app's files are as without it. */
const REVIEW: BuildOptions = {
  outDir: "dist/review",
  copyPublicDir: false,
  rollupOptions: { input: "review.html" },
};

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [
    ...(mode === "review" ? [] : [litert(), licenses(import.meta.dirname)]),
    onlyDependencies(import.meta.dirname),
  ],
  worker: { format: "iife", plugins: () => [onlyDependencies(import.meta.dirname)] },
  css: {
    modules: { generateScopedName: (name, file) => `${basename(file, ".module.css")}_${name}` },
  },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the Content-Security-Policy allows files, not data: addresses
    modulePreload: false,
    rollupOptions: {
      input: { index: "index.html", sw: "src/sw.ts" },
      output: { entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
    ...(mode === "review" ? REVIEW : {}),
  },
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
}));
