/** Something that cannot be taught, forgotten, edited or read; the message says why, and what can. */
export class LessonError extends Error {
  override name = "LessonError";
}
