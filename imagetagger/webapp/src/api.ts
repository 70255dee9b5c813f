/** What crosses between the page and its worker: the page shows, the worker (engine/) computes, learns and keeps. */

import type { Rule } from "./decide/decision";

export type { Rule };

/** A tag's stable id, as in labels.json, or `user:NAME` for one that was added. */
export type TagId = string;

/** The content id of a picture: SHA-256 of its size and upright pixels, see pixels/picture_id.ts. */
export type PictureId = string;

export interface TagView {
  id: TagId;
  name: string;
  synonyms: readonly string[];
  /** How many pictures taught it: those of the bundle and the user's. */
  pictures: number;
  /** How many of them are the user's. */
  taught: number;
  /** The name in the bundle; null for a tag that the user added. */
  original: string | null;
  /** Whether `resetTag` would change anything: taught, renamed, or merged into. */
  changed: boolean;
}

export interface Suggestion {
  tag: TagId;
  probability: number;
}

export interface PictureView {
  id: PictureId;
  /** The file's name; the id's beginning for pictures that came with somebody's lessons. */
  name: string;
  /** Milliseconds since 1970. */
  added: number;
  width: number;
  height: number;
  /** Whether the user said what it shows: its tags, or that none fits. */
  confirmed: boolean;
  /** What the user said it shows. */
  tags: readonly TagId[];
  /** The tag set of the tagger, the most probable first. */
  suggested: readonly Suggestion[];
  /** Nothing known fits. */
  unknown: boolean;
}

/** A change that can be undone. */
export interface StepView {
  id: number;
  /** In words: "Learned Rex from cat.jpg". */
  what: string;
  when: number;
}

/** The size of tag sets: how often a right tag is to be inside, the sum of probabilities, or the number of tags. */
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
}

export interface StorageView {
  /** Whether the browser promised not to evict; null where it cannot say, as without HTTPS. */
  persisted: boolean | null;
  /** Bytes; null where the browser does not say. */
  used: number | null;
  quota: number | null;
}

/** All that the page shows at first; afterwards it hears of changes. */
export interface Snapshot {
  bundle: BundleView;
  tags: TagView[];
  /** The newest first. */
  pictures: PictureView[];
  /** The newest first. */
  steps: StepView[];
  threshold: ThresholdView;
  /** Of a bundle that sees otherwise than the last one: how many pictures were embedded anew. */
  embeddedAnew: number;
  /** Pictures that could not be, as their squares are damaged: they, and what they taught, are left out. */
  unreadable: number;
}

/** What became different; what is absent stayed. */
export interface Change {
  tags?: TagView[];
  /** New or different ones. */
  pictures?: PictureView[];
  gone?: PictureId[];
  steps?: StepView[];
  threshold?: ThresholdView;
  /** Long work, and how far it is; null when it ended. */
  progress?: Progress | null;
}

export interface Progress {
  what: string;
  done: number;
  total: number;
}

export interface Refused {
  name: string;
  why: string;
}

/** What became of files. */
export interface Added {
  added: PictureId[];
  /** Pictures that were here already. */
  again: PictureId[];
  refused: Refused[];
  cancelled: boolean;
}

/** What a file of lessons brought. */
export interface Imported {
  /** How many pictures it taught anything. */
  pictures: number;
  /** How many tags are new. */
  tags: number;
}

/** Errors are `Error`s whose message is meant for the user. Whatever changes anything is one step of `undo`. */
export interface Engine {
  /** Loads the tagger and what was kept; `listen` hears of every change from then on. */
  open(listen: (change: Change) => void): Promise<Snapshot>;
  /** Hands files over; some at a time, as a thousand at once would stop the page for a moment. */
  take(files: File[]): Promise<void>;
  /** Adds the files that were handed over. The first one is to be the first on the page. */
  add(): Promise<Added>;
  /** Ends `add` after the picture at hand; those already added stay. */
  cancel(): void;
  /** The square the network saw, PNG; undefined for an unknown picture. */
  crop(picture: PictureId): Promise<Blob | undefined>;
  /** The picture, at most 1024 pixels wide and high; undefined where only the square is kept. */
  preview(picture: PictureId): Promise<Blob | undefined>;
  /** Makes these the tags of a picture, and learns, or forgets, the difference. New names become tags. */
  confirm(picture: PictureId, tags: TagId[], newNames: string[]): Promise<void>;
  /** Notes that no tag fits a picture that was not taught: it waits no longer, and teaches nothing. */
  dismiss(picture: PictureId): Promise<void>;
  /** Adds tags to pictures and learns them. */
  teach(pictures: PictureId[], tags: TagId[], newNames: string[]): Promise<void>;
  /** Takes pictures out of the app; with `forget`, also what they taught. */
  remove(pictures: PictureId[], forget: boolean): Promise<void>;
  addTag(name: string): Promise<TagId>;
  renameTag(tag: TagId, name: string): Promise<void>;
  /** The second keeps its name and knows what both were taught. */
  mergeTags(tag: TagId, into: TagId): Promise<void>;
  removeTag(tag: TagId): Promise<void>;
  /** Forgets what the user taught of a tag, and its new name and merges: as the bundle has it. */
  resetTag(tag: TagId): Promise<void>;
  /** Forgets all lessons, changes of tags, and which pictures no tag fits; pictures stay. */
  resetAll(): Promise<void>;
  /** Takes the last step back, and returns it; refuses where another than this one is the last by now. */
  undo(step: number): Promise<StepView>;
  /** Null for the bundle's own. */
  setThreshold(value: number | null): Promise<void>;
  /** A .zip that `Tagger.load` and other devices read; it contains the squares of the pictures that were taught. */
  exportLessons(): Promise<Blob>;
  importLessons(file: Blob): Promise<Imported>;
  exportTags(format: "csv" | "json"): Promise<Blob>;
  storage(): Promise<StorageView>;
}
