/** What crosses between the page and its worker: the page shows, the worker (engine/) computes, learns and stores. */

import type { Act } from "./format/acts";
import type { Rule } from "./format/decision";
import type { Problem } from "./format/problems";

export type { Rule };

/** A tag's stable id, as in labels.json, or `user:NAME` for one that was added. */
export type TagId = string;

/** The id of a picture: SHA-256 of its size and upright pixels, see pixels/picture_id.ts. */
export type PictureId = string;

export interface TagView {
  id: TagId;
  name: string;
  synonyms: readonly string[];
  /** Ids of broader terms. */
  broader: readonly TagId[];
  /** How many pictures taught it: those of the bundle and the user's; null for a tag that a classifier knew before. */
  pictures: number | null;
  /** How many of them are the user's. */
  taught: number;
  /** The name in the bundle; null for a tag that the user added. */
  original: string | null;
  /** Whether `resetTag` would change anything: taught, renamed, or merged into. */
  changed: boolean;
  /** Whether it is not suggested, as the user wished. */
  hidden: boolean;
}

/** A broader term, such as "dog": what several tags have in common. */
export interface TermView {
  /** That of a tag, too, where the user taught the term. */
  id: TagId;
  name: string;
  synonyms: readonly string[];
  /** Ids of broader terms. */
  broader: readonly TagId[];
}

export interface Suggestion {
  tag: TagId;
  probability: number;
}

export interface PictureView {
  id: PictureId;
  /** The file's name; the id's beginning for pictures that came with somebody's lessons. */
  name: string;
  /** The folder that its file was in; empty where unknown. */
  folder: string;
  /** Milliseconds since 1970. */
  added: number;
  /** Local time of the camera, as `2024-05-01T18:30:00`; null where unknown. */
  taken: string | null;
  width: number;
  height: number;
  /** Whether the user confirmed its tags, or that none fits. */
  confirmed: boolean;
  /** Its tags, as the user confirmed them. */
  tags: readonly TagId[];
  /** The tag set of the tagger, the most probable first. */
  suggested: readonly Suggestion[];
  /** Tags that it does not have, as its user said. */
  rejected: readonly TagId[];
  /** Tags outside the set that a search still finds, the most probable first. */
  possible: readonly Suggestion[];
  /** Whether the tagger has looked at it: not right after the opening. Otherwise nothing is suggested or possible. */
  predicted: boolean;
  /** Novel: it looks like none of the tags. */
  unknown: boolean;
}

/** A picture and tags that its user confirmed, or rejected. */
export interface Confirmed {
  picture: PictureId;
  tags: readonly TagId[];
}

/** A change that can be undone. */
export interface StepView {
  id: number;
  what: Act;
  when: number;
}

/** The size of tag sets: their coverage, the sum of probabilities, or the number of tags. */
export interface ThresholdView {
  rule: Rule;
  value: number;
  /** The bundle's. */
  standard: number;
  min: number;
  max: number;
  step: number;
}

export interface BundleView {
  name: string;
  digest: string;
  variant: string;
  /** Side of the square that the network sees, in pixels. */
  size: number;
  tags: number;
  /** Whether it was made from drawings of shapes, and so knows no photograph. */
  knowsDrawingsOnly: boolean;
}

export interface StorageView {
  /** Whether the browser promised not to evict; null where it does not say, as without HTTPS. */
  persisted: boolean | null;
  /** Bytes; null where the browser does not say. */
  used: number | null;
  quota: number | null;
}

/** What the page shows at first; changes follow. */
export interface Snapshot {
  bundle: BundleView;
  tags: TagView[];
  terms: TermView[];
  /** The newest first. */
  pictures: PictureView[];
  /** The newest first. */
  steps: StepView[];
  threshold: ThresholdView;
  /** Pictures that were embedded again, for a bundle of another embedding space. */
  reembedded: number;
  /** What an addition that did not end, as when the tab was closed, left to add; null without one. */
  unfinished: Unfinished | null;
  /** Pictures that could not be, as their squares are damaged: they and their lessons are left out. */
  unreadable: number;
}

/** Files of an addition, and how many of them were not looked at yet. */
export interface Unfinished {
  left: number;
  total: number;
}

/** What changed; absent parts stayed. */
export interface Change {
  tags?: TagView[];
  /** New or changed ones. */
  pictures?: PictureView[];
  gone?: PictureId[];
  steps?: StepView[];
  threshold?: ThresholdView;
  /** Why nothing more can be done here: another tab took the app over, or the model cannot be loaded. */
  failure?: Problem;
  /** Of long work; null when it ended. */
  progress?: Progress | null;
}

export interface Progress {
  /** Reembedding: for a bundle of another embedding space. */
  kind: "adding" | "importing" | "reembedding";
  done: number;
  total: number;
}

export interface Refused {
  name: string;
  problem: Problem;
}

/** What became of added files. */
export interface Added {
  added: PictureId[];
  /** Pictures that were here already. */
  again: PictureId[];
  refused: Refused[];
  /** Positions of files that can be added later: those after a cancellation, and those refused through no fault of theirs. */
  left: number[];
  cancelled: boolean;
}

/** What imported lessons brought. */
export interface Imported {
  /** Pictures that they taught something new. */
  pictures: number;
  /** New tags. */
  tags: number;
}

/** A file to add. */
export interface Incoming {
  file: File;
  /** The folder that it was in, as far as the browser says, such as `2024/Rome`; otherwise empty. */
  folder: string;
}

/** The problems of its errors are meant for the user. Every change is one step of `undo`. */
export interface Engine {
  /**
   * Loads the stored state, and then the model, for which all actions wait; `listen` is called with every later change.
   *
   * Loads the model first where there is a new bundle, to which the stored state is brought.
   * Fails with the problem `elsewhere` where another tab has the app, unless `takesOver`.
   */
  open(listen: (change: Change) => void, takesOver?: boolean): Promise<Snapshot>;
  /** Hands files over; in parts, as a thousand at once would stop the page for a moment. */
  take(files: Incoming[]): Promise<void>;
  /** Adds the files that were handed over. The first one comes first on the page. */
  add(): Promise<Added>;
  /** Ends `add` after the current picture; those already added stay. */
  cancel(): void;
  /** The square the network saw, PNG; undefined for an unknown picture. */
  crop(picture: PictureId): Promise<Blob | undefined>;
  /** The picture, at most 1024 pixels wide and high; undefined where only the square is stored. */
  preview(picture: PictureId): Promise<Blob | undefined>;
  /** Sets the tags of a picture, and learns or forgets the difference. New names become tags. */
  confirm(picture: PictureId, tags: TagId[], newNames: string[]): Promise<void>;
  /** Sets the tags of pictures, each its own, and notes which tags others do not have, as one step. */
  confirmAll(pictures: Confirmed[], rejected: Confirmed[]): Promise<void>;
  /** Notes that no tag fits pictures that were not taught: they are confirmed, and teach nothing. */
  dismiss(pictures: PictureId[]): Promise<void>;
  /** Adds tags to pictures and learns them. */
  teach(pictures: PictureId[], tags: TagId[], newNames: string[]): Promise<void>;
  /** Removes pictures from the app; with `forget`, also their lessons. */
  remove(pictures: PictureId[], forget: boolean): Promise<void>;
  addTag(name: string): Promise<TagId>;
  renameTag(tag: TagId, name: string): Promise<void>;
  /** The second tag keeps its name and knows what both were taught. */
  mergeTags(tag: TagId, into: TagId): Promise<void>;
  /** Hides a tag, which is then not suggested but keeps what it knows; or shows it again. */
  hideTag(tag: TagId, isHidden: boolean): Promise<void>;
  removeTag(tag: TagId): Promise<void>;
  /** Forgets what the user taught of a tag, its new name and its merges: it is as in the bundle. */
  resetTag(tag: TagId): Promise<void>;
  /** Forgets all lessons, changes of tags, and dismissals; pictures stay. */
  resetAll(): Promise<void>;
  /** Undoes the last step and returns it; fails if the last step is not this one. */
  undo(step: number): Promise<StepView>;
  /** Null for the bundle's own. */
  setThreshold(value: number | null): Promise<void>;
  /** A .zip that `Tagger.load` and other devices read, with the squares of the taught pictures. */
  exportLessons(): Promise<Blob>;
  importLessons(file: Blob): Promise<Imported>;
  /** Of all pictures as a table; of confirmed ones as XMP sidecars, in a .zip. */
  exportTags(format: "csv" | "json" | "xmp"): Promise<Blob>;
  storage(): Promise<StorageView>;
}
