import { describe, expect, test } from "vitest";
import { BundleError, readBundle } from "../src/engine/bundle";
import { golden, unpacked } from "./golden";

interface Golden {
  files: Record<string, string>;
  labels: unknown;
  rows: Record<"count" | "mean" | "m2", number[]>;
  wrong: { says: string; files: Record<string, string> }[];
}

const { files, labels, rows, wrong } = golden<Golden>("bundle");

function read(changed: Record<string, string> = {}) {
  const whole = { ...files, ...changed };
  return readBundle(async (name) => unpacked(whole[name] as string));
}

test("a bundle is read as Python reads it, and no file that the app does not use is asked for", async () => {
  const asked: string[] = [];
  const bundle = await readBundle(async (name) => {
    asked.push(name);
    return unpacked(files[name] as string);
  });
  expect(asked.sort()).toEqual(["labels.json", "manifest.json", "model.tflite", "statistics.safetensors"]);
  expect(bundle.labels).toEqual(labels);
  for (const key of ["count", "mean", "m2"] as const) expect(Array.from(bundle.rows[key])).toEqual(rows[key]);
  expect(bundle.manifest.decision.tag_set.coverage).toBe(0.75);
  expect(new TextDecoder().decode(bundle.model)).toBe("model.tflite");
});

describe("what Python refuses is refused", () => {
  test.each(wrong.map(({ says, files }, i) => [i, says, files] as const))("bundle %i: %s", async (_, says, changed) => {
    const error = await read(changed).then(
      () => null,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(BundleError);
    expect(error.message).toContain(says);
    expect(error.message.length).toBeLessThan(500);
  });
});

test("a file that cannot be fetched is the fetcher's own error", async () => {
  const fetching = readBundle(async (name) => {
    throw new Error(`no ${name}`);
  });
  await expect(fetching).rejects.toThrow("no manifest.json");
});
