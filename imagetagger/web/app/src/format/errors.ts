/** A file that cannot be used; the message says why. */
export class FileError extends Error {
  override name = "FileError";
}

/** Returns the message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
