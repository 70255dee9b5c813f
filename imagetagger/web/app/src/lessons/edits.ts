/** How a user changed the vocabulary, and which tag a merged one became. */

import { byCodePoint } from "../files/text";

/** Changes of the vocabulary; see imagetagger/tagger/lessons.py. */
export interface VocabularyEdits {
  /** By id: names of tags that were added or renamed. */
  names: ReadonlyMap<string, string>;
  /** By id: the tag it was merged into. */
  merged: ReadonlyMap<string, string>;
  /** Ids of removed tags, unless a picture still teaches them. */
  removed: ReadonlySet<string>;
  /** Ids of tags and terms that are not shown; they keep what they were taught. */
  hidden: ReadonlySet<string>;
}

/** Before anything was changed. */
export const NO_EDITS: VocabularyEdits = { names: new Map(), merged: new Map(), removed: new Set(), hidden: new Set() };

/**
 * Returns the tag that a tag was finally merged into; itself if it was not merged.
 *
 * A cycle, which the edits of two users can form, ends at its lowest id.
 */
export function resolveMerged(tag: string, edits: VocabularyEdits): string {
  const path = [tag];
  for (;;) {
    tag = edits.merged.get(tag) ?? tag;
    const at = path.indexOf(tag);
    if (at >= 0) return path.slice(at).reduce((a, b) => (byCodePoint(b, a) < 0 ? b : a));
    path.push(tag);
  }
}
