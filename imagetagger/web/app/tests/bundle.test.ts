import { describe, expect, test } from "vitest";
import { readBundle } from "../src/bundle/reader";
import { FileError } from "../src/format/errors";
import type { Label, Term } from "../src/format/labels";
import { readLabels, readTerms } from "../src/format/labels";
import { golden, unpacked } from "./golden";

interface Golden {
  files: Record<string, string>;
  labels: object[];
  rows: Record<"count" | "mean" | "m2", number[]>;
  wrong: { message: string; files: Record<string, string> }[];
}

interface Words {
  files: Record<string, string>;
  labels: Label[];
  terms: Term[];
  score_offset: number[];
  wrong: { message: string; terms: unknown }[];
}

const words = golden<Words>("words");
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
  expect(bundle.labels).toEqual(labels.map((label) => ({ ...label, broader: [] })));
  expect(bundle.terms).toEqual([]);
  expect(Array.from(bundle.scoreOffset)).toEqual([0, 0, 0]);
  for (const key of ["count", "mean", "m2"] as const) expect(Array.from(bundle.rows[key])).toEqual(rows[key]);
  expect(bundle.manifest.decision.prediction_set.coverage).toBe(0.75);
  expect(new TextDecoder().decode(bundle.model)).toBe("model.tflite");
});

test("broader terms and score offsets are read as Python reads them", async () => {
  const bundle = await read(words.files);
  expect(bundle.labels).toEqual(words.labels);
  expect(bundle.terms).toEqual(words.terms);
  expect(Array.from(bundle.scoreOffset)).toEqual(words.score_offset);
});

describe("what Python refuses is refused", () => {
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

  test.each(words.wrong.map(({ message, terms }, i) => [i, message, terms] as const))(
    "terms %i: %s",
    (_, message, terms) => {
      const labels = readLabels(encode(words.labels));
      const reading = () => readTerms(terms === null ? null : encode(terms), labels);
      expect(reading).toThrow(FileError);
      expect(reading).toThrow(message);
    },
  );

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
