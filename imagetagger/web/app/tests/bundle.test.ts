import { describe, expect, test } from "vitest";
import { readBundle } from "../src/bundle/reader";
import { FileError } from "../src/files/errors";
import { golden, unpacked } from "./golden";

interface Golden {
  files: Record<string, string>;
  labels: unknown;
  rows: Record<"count" | "mean" | "m2", number[]>;
  wrong: { message: string; files: Record<string, string> }[];
}

const { files, labels, rows, wrong } = golden<Golden>("bundle");

function read(changed: Record<string, string> = {}) {
  const all = { ...files, ...changed };
  return readBundle(async (name) => unpacked(all[name] as string));
}

test("a bundle is read as Python reads it, and only the files that the app uses are fetched", async () => {
  const fetched: string[] = [];
  const bundle = await readBundle(async (name) => {
    fetched.push(name);
    return unpacked(files[name] as string);
  });
  expect(fetched.sort()).toEqual(["labels.json", "manifest.json", "model.tflite", "statistics.safetensors"]);
  expect(bundle.labels).toEqual(labels);
  for (const key of ["count", "mean", "m2"] as const) expect(Array.from(bundle.rows[key])).toEqual(rows[key]);
  expect(bundle.manifest.decision.prediction_set.coverage).toBe(0.75);
  expect(new TextDecoder().decode(bundle.model)).toBe("model.tflite");
});

describe("what Python refuses is refused", () => {
  test.each(wrong.map(({ message, files }, i) => [i, message, files] as const))(
    "bundle %i: %s",
    async (_, message, changed) => {
      const error = await read(changed).then(
        () => null,
        (thrown) => thrown,
      );
      expect(error).toBeInstanceOf(FileError);
      expect(error.message).toContain(message);
      expect(error.message.length).toBeLessThan(500);
    },
  );
});

test("a file that cannot be fetched is the fetcher's own error", async () => {
  const fetching = readBundle(async (name) => {
    throw new Error(`no ${name}`);
  });
  await expect(fetching).rejects.toThrow("no manifest.json");
});
