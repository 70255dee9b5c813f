/** How a user changed the vocabulary, and what that makes of a tag. */

import { byCodePoint } from "./names";

/** Changes of the vocabulary; see imagetagger/lessons.py. */
export interface Edits {
  /** By id: tags that were added or renamed. */
  names: ReadonlyMap<string, string>;
  /** By id: the tag it was merged into. */
  merged: ReadonlyMap<string, string>;
  /** Ids taken out, unless a picture still teaches them. */
  removed: ReadonlySet<string>;
}

/**
 * Returns the tag that a tag was merged into, in the end; itself where it was not merged.
 *
 * A ring, which two users' edits can form together, ends at its least id.
 */
export function resolve(tag: string, edits: Edits): string {
  const path = [tag];
  for (;;) {
    tag = edits.merged.get(tag) ?? tag;
    const at = path.indexOf(tag);
    if (at >= 0) return path.slice(at).reduce((a, b) => (byCodePoint(b, a) < 0 ? b : a));
    path.push(tag);
  }
}
