import { type Problem, UserError } from "../format/problems";

/** Something that cannot be taught, forgotten, edited or read; a text says why in English, for who mends a file. */
export class LessonError extends UserError {
  override name = "LessonError";

  constructor(problem: Problem | string) {
    super(typeof problem === "string" ? { kind: "technical", text: problem } : problem);
  }
}
