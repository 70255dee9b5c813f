/** What a step did, as data: src/words/ words it, in any language. */

/** The pictures of a step. */
export interface StepPictures {
  count: number;
  /** The name of the only one; null for several, or where it is unknown. */
  name: string | null;
}

/** What a step did, with the names that tags had then. */
export type Act =
  /** Without tags: each picture its own. */
  | { kind: "confirmed"; tags: readonly string[]; pictures: StepPictures }
  | { kind: "added" | "removed" | "dismissed" | "untagged" | "imported"; pictures: StepPictures }
  | { kind: "tagAdded" | "tagHidden" | "tagShown" | "tagDeleted" | "tagReset"; tag: string }
  | { kind: "tagRenamed"; tag: string; name: string }
  | { kind: "tagMerged"; tag: string; into: string }
  /** Tags of the user's that became one with the tagger's own. */
  | { kind: "twinsMerged"; tags: readonly string[] }
  | { kind: "allReset" }
  /** Of older versions of the app, which stored English text. */
  | { kind: "worded"; text: string };
