import { expect, test } from "vitest";
import { FileError } from "../src/format/errors";
import { LessonError } from "../src/lessons/lessons";
import { CASES, readCase } from "./gate_cases";

test.each(CASES.map((each) => [each.file, each.case, each] as const))("%s: %s", async (_, __, each) => {
  const error = await readCase(each).then(
    () => null,
    (thrown) => thrown,
  );
  if (each.refused === null) expect(error).toBeNull();
  else {
    expect(error instanceof FileError || error instanceof LessonError).toBe(true);
    expect(error.message.replaceAll(": ", ".")).toContain(each.refused);
    expect(error.message.length).toBeLessThan(1000);
  }
});

test("no case reached the prototype of all objects", () => {
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
