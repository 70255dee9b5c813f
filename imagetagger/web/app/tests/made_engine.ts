/**
 * The engine with its database, lessons and rows, but a model of two features without WebAssembly, and pictures that are
 * lines of JSON. Tests replace parts of the engine by `reader`, `executor` and `pixels`.
 */

import "fake-indexeddb/auto";
import { vi } from "vitest";
import type { Change, Engine } from "../src/api";
import type { Bundle } from "../src/bundle/reader";
import type { Rows } from "../src/format/rows";
import { HiddenPixelsError } from "../src/pixels/readback";
import { BadImageError, DAMAGED } from "../src/pixels/sniff";

/**
 * The bundle that is read, when its model is loaded, whether the browser hides pixels, where the app is, what it published,
 * and the number of pictures that are being read.
 */
export const world = {
  bundle: {} as Bundle,
  loading: Promise.resolve(),
  isBlind: false,
  address: "",
  changes: [] as Change[],
  reading: 0,
};

/** For src/bundle/reader.ts. */
export const reader = { readBundle: async () => world.bundle };

/** For src/engine/executor.ts. */
export const executor = {
  loadExecutor: async (_model: unknown, manifest: unknown) => {
    await world.loading;
    return { manifest };
  },
  embedImage: async ({ manifest }: Bundle, square: Uint8Array) =>
    Float32Array.from(square, (value) => value + manifest.embedding_space.length),
  copyBlocks: (_executor: unknown, blocks: readonly Rows[]) => blocks,
  freeBlocks: () => {},
  mergeRows: async (_executor: unknown, a: Rows, b: Rows) => {
    const count = (a.count[0] ?? 0) + (b.count[0] ?? 0);
    const mean = a.mean.map((m, i) =>
      count ? (m * (a.count[0] ?? 0) + (b.mean[i] ?? 0) * (b.count[0] ?? 0)) / count : 0,
    );
    return { count: Float32Array.of(count), mean, m2: new Float32Array(2) };
  },
  scoreRows: async (_executor: unknown, x: Float32Array, blocks: readonly Rows[]) =>
    Float32Array.from(
      blocks.flatMap(({ count, mean }) =>
        Array.from(count, (n, i) =>
          n ? -Math.hypot((x[0] ?? 0) - (mean[2 * i] ?? 0), (x[1] ?? 0) - (mean[2 * i + 1] ?? 0)) : -9,
        ),
      ),
    ),
};

async function readMade(file: Blob) {
  world.reading += 1;
  const { id = "?", square } = JSON.parse(await file.text().finally(() => (world.reading -= 1)));
  if (world.isBlind) throw new HiddenPixelsError();
  if (!square) throw new BadImageError(DAMAGED);
  return { id, width: 2, height: 2, square: Uint8Array.from(square), preview: new Blob(["preview"]), png: file };
}

/** For src/pixels/decode.ts, and for src/pixels/reader.ts. */
export const pixels = { readSquare: readMade, readPicture: readMade, startReader: () => {} };

/** Begins anew, for the test of this id. */
export function begin(id: string) {
  vi.stubGlobal("navigator", {
    locks: {
      request(_name: string, _options: object, hold: () => void) {
        hold();
        return new Promise(() => {});
      },
    },
  });
  world.address = `http://localhost/${id}/`;
  world.bundle = made("one", "s");
  world.loading = Promise.resolve();
  world.isBlind = false;
}

/** A bundle with these tags, at 0, 9, 18 and so on. */
export function made(digest: string, space: string, tags: readonly string[] = ["red", "blue"]): Bundle {
  const labels = tags.map((name, i) => ({ id: `n${i}`, name, synonyms: [], broader: [] }));
  const mean = Float32Array.from(tags.flatMap((_, i) => [9 * i, 9 * i]));
  const rows = { count: new Float32Array(tags.length).fill(5), mean, m2: new Float32Array(2 * tags.length) };
  const manifest = {
    ...{ digest, embedding_space: space, name: "made" },
    image: { size: 2, pixel_limit: 100 },
    model: { variant: "float32", features: 2, block: 4 },
    classifier: { class_prior: "uniform" },
    decision: {
      calibration: { temperature: 1, confidence: [], sharpness: [] },
      prediction_set: { rule: "cumulative", coverage: null, threshold: 0.9, thresholds: [], aci_step_size: 0 },
      novelty: null,
    },
  };
  const scoreOffset = new Float32Array(tags.length);
  return { manifest, labels, terms: [], rows, scoreOffset, model: new Uint8Array() } as unknown as Bundle;
}

/** A file whose features are these. */
export const picture = (id: string, x: number) => new File([JSON.stringify({ id, square: [x, x] })], `${id}.png`);
/** The app, opened, and what it shows first. */
export async function opened(): Promise<[Engine, Awaited<ReturnType<Engine["open"]>>]> {
  const { engine } = await import("../src/engine/engine"); // after the test replaced parts of it
  const app = engine(world.address);
  world.changes = [];
  return [app, await app.open((change) => world.changes.push(change))];
}

/** Adds pictures. */
export async function add(app: Engine, ...files: File[]) {
  await app.take(files.map((file) => ({ file, folder: "" })));
  return app.add();
}

/** Changes the database behind the app's back. */
export async function change(store: string, by: (store: IDBObjectStore) => void) {
  const request = indexedDB.open(`imagetagger ${new URL(world.address).pathname}`);
  await new Promise((done) => request.addEventListener("success", done));
  const tx = request.result.transaction(store, "readwrite");
  by(tx.objectStore(store));
  await new Promise((done) => tx.addEventListener("complete", done));
  request.result.close();
}

/** The steps that the page knows. */
export const steps = () => world.changes.findLast((change) => change.steps)?.steps ?? [];
