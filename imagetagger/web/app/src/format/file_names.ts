/** Names of files in bundles and archives. */

const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}$/;

/** Returns whether a path is relative, of plain names and at most 200 characters: see imagetagger/bundle/archive.py. */
export function isFileName(path: string): boolean {
  return path.length <= 200 && FILE_NAME.test(path);
}
