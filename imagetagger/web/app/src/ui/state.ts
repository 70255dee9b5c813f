import type {
  Added,
  BundleView,
  Change,
  PictureId,
  PictureView,
  Progress,
  Snapshot,
  StepView,
  TagId,
  TagView,
  TermView,
  ThresholdView,
} from "../api";
import type { Act } from "../format/acts";
import type { Problem } from "../format/problems";
import { type Draft, prune } from "./draft";
import { EVERYTHING, type Filter, hidesNew } from "./filter";
import { type Proposal, type Ticks, withTicks } from "./proposals";
import { visible } from "./sections";

/** What the worker published, by id. */
export interface Library {
  bundle: BundleView;
  tags: ReadonlyMap<TagId, TagView>;
  terms: ReadonlyMap<TagId, TermView>;
  pictures: ReadonlyMap<PictureId, PictureView>;
  /** The newest first. */
  order: readonly PictureId[];
  steps: readonly StepView[];
  threshold: ThresholdView;
}

/** A short notice; an alert reports a failure. */
export interface Toast {
  /** In words, or what a step did. */
  text: string | Act;
  kind: "status" | "alert";
  /** The step that it offers to undo, while that is the newest; null for none. */
  undo: number | null;
}

/** A toast to show. */
export interface Notice extends Omit<Toast, "text" | "undo"> {
  /** Null for what the newest step did. */
  text: string | null;
  /** The newest step before the action it reports: a newer one can be undone. Absent for actions without steps. */
  since?: number;
}

/** Whether the app works without a network. */
export type Offline = "coming" | "ready" | "impossible";

/** Everything that the page shows; immutable. */
export interface State {
  /** Null until the worker opened it. */
  library: Library | null;
  /** Why it could not be opened, or is open no more. */
  failure: Problem | null;
  progress: Progress | null;
  /** While files are added, the time of the newest picture before them; otherwise null. */
  since: number | null;
  /** Files still to come: empty places for them follow the new pictures, so that nothing moves. */
  awaited: number;
  filter: Filter;
  drafts: ReadonlyMap<PictureId, Draft>;
  /** Proposals that the user ticked or unticked, to confirm them with others or not. */
  ticks: Ticks;
  /** The selected pictures; null while the user does not select. */
  selected: ReadonlySet<PictureId> | null;
  toast: Toast | null;
  /** What became of added files, if some were refused. */
  summary: Added | null;
  /** Installs the app; null where the browser does not offer it. */
  install: (() => Promise<void>) | null;
  /** Updates to a new version of the app; null without one. */
  update: (() => void) | null;
  offline: Offline;
}

/** The part of the state that screens show: all but the progress, which changes far more often. */
export type ScreenState = Omit<State, "progress">;

/** What can happen to the state. */
export type Action =
  | { type: "opened"; snapshot: Snapshot }
  | { type: "failed"; failure: Problem }
  | { type: "changed"; changes: readonly Change[] }
  | { type: "adding"; isUnderWay: boolean }
  | { type: "filter"; filter: Partial<Filter> }
  | { type: "draft"; picture: PictureId; draft: Draft | null }
  | { type: "tick"; proposals: readonly (readonly [PictureId, Proposal])[]; isTicked: boolean }
  | { type: "select"; selected: ReadonlySet<PictureId> | null }
  | { type: "toast"; toast: Notice | null }
  | { type: "summary"; summary: Added | null }
  | { type: "install"; install: State["install"] }
  | { type: "update"; update: State["update"] }
  | { type: "offline"; offline: Offline };

/** Before the opening. */
export const START: State = {
  library: null,
  failure: null,
  progress: null,
  since: null,
  awaited: 0,
  filter: EVERYTHING,
  drafts: new Map(),
  ticks: new Map(),
  selected: null,
  toast: null,
  summary: null,
  install: null,
  update: null,
  offline: "coming",
};

/** The state after an action. */
export function reduce(state: State, action: Action): State {
  const { order } = state.filter;
  switch (action.type) {
    case "opened":
      return { ...state, library: library(action.snapshot), progress: null };
    case "failed":
      return { ...state, failure: action.failure, progress: null };
    case "changed":
      return onlyShownSelected(action.changes.reduce(changed, state));
    case "adding":
      return {
        ...state,
        since: action.isUnderWay ? newest(state.library) : null,
        awaited: 0,
        filter: action.isUnderWay && hidesNew(state.filter) ? { ...EVERYTHING, order } : state.filter,
      };
    case "filter":
      return onlyShownSelected({ ...state, filter: { ...state.filter, ...action.filter } });
    case "draft":
      return { ...state, drafts: withEntry(state.drafts, action.picture, action.draft) };
    case "tick":
      return { ...state, ticks: withTicks(state.ticks, action.proposals, action.isTicked) };
    case "select":
      return { ...state, selected: action.selected };
    case "toast":
      return { ...state, toast: action.toast && toast(action.toast, state.library) };
    case "summary":
      return { ...state, summary: action.summary };
    case "install":
      return { ...state, install: action.install };
    case "update":
      return { ...state, update: action.update };
    case "offline":
      return { ...state, offline: action.offline };
  }
}

/** The part that screens show; the one before, where only the progress changed, so that no screen is drawn again. */
export function screenState({ progress, ...now }: State, before: ScreenState | null): ScreenState {
  const isSame =
    before !== null && (Object.keys(now) as (keyof ScreenState)[]).every((key) => now[key] === before[key]);
  return isSame ? before : now;
}

/** A snapshot, by id. */
export function library(snapshot: Snapshot): Library {
  return {
    bundle: snapshot.bundle,
    tags: new Map(snapshot.tags.map((tag) => [tag.id, tag])),
    terms: new Map(snapshot.terms.map((term) => [term.id, term])),
    pictures: new Map(snapshot.pictures.map((picture) => [picture.id, picture])),
    order: snapshot.pictures.map((picture) => picture.id),
    steps: snapshot.steps,
    threshold: snapshot.threshold,
  };
}

function changed(state: State, change: Change): State {
  const progress = change.progress === undefined ? state.progress : change.progress;
  const before = state.library;
  if (change.failure) return { ...state, failure: change.failure, progress: null };
  if (before === null) return { ...state, progress };
  const left = state.since === null ? 0 : awaited(state.awaited, before, change);
  if (Object.keys(change).every((key) => key === "progress")) return { ...state, progress, awaited: left };
  const after: Library = {
    ...before,
    ...(change.tags === undefined ? {} : { tags: new Map(change.tags.map((tag) => [tag.id, tag])) }),
    ...(change.steps === undefined ? {} : { steps: change.steps }),
    ...(change.threshold === undefined ? {} : { threshold: change.threshold }),
    ...withPictures(before, change),
  };
  return {
    ...state,
    progress,
    awaited: left,
    library: after,
    toast: state.toast?.undo != null && state.toast.undo !== newestStep(after) ? null : state.toast,
    filter: isKnown(after, state.filter.tag) ? state.filter : EVERYTHING,
    drafts: change.tags || change.pictures || change.gone ? draftsOf(state.drafts, before, after) : state.drafts,
    ticks: change.pictures || change.gone ? stillOpen(state.ticks, after) : state.ticks,
  };
}

function isKnown({ tags, terms }: Library, tag: TagId | null): boolean {
  return tag === null || tags.has(tag) || terms.has(tag);
}

/** The id of the step that `undo` takes back; 0 without one. */
export function newestStep(library: Library | null): number {
  return library?.steps[0]?.id ?? 0;
}

/** A notice as it is shown; none of a step where nothing changed. */
function toast({ text, kind, since }: Notice, library: Library | null): Toast | null {
  const [newest] = library?.steps ?? [];
  const step = since !== undefined && newest !== undefined && newest.id > since ? newest : null;
  const shown = text ?? step?.what;
  return shown === undefined ? null : { text: shown, kind, undo: step?.id ?? null };
}

/** The number of new pictures while files are added: the first of the order, as they are the newest. */
export function arrived({ library, since }: ScreenState): number {
  if (library === null || since === null) return 0;
  const older = library.order.findIndex((id) => (library.pictures.get(id)?.added ?? 0) <= since);
  return older < 0 ? library.order.length : older;
}

function newest(library: Library | null): number {
  return library?.pictures.get(library.order[0] ?? "")?.added ?? 0;
}

/** New pictures go where their time puts them. */
function withPictures(before: Library, change: Change): Partial<Library> {
  if (!change.pictures && !change.gone) return {};
  const pictures = new Map(before.pictures);
  for (const id of change.gone ?? []) pictures.delete(id);
  for (const picture of change.pictures ?? []) pictures.set(picture.id, picture);
  const fresh = freshOnes(before, change);
  if (fresh.length === 0 && !change.gone) return { pictures };
  const remaining = before.order.filter((id) => pictures.has(id));
  const added = (id: PictureId) => pictures.get(id)?.added ?? 0;
  const order = fresh.reduce((ids, id) => {
    const at = ids.findIndex((other) => added(other) <= added(id));
    return ids.toSpliced(at < 0 ? ids.length : at, 0, id);
  }, remaining);
  return { pictures, order };
}

function awaited(before: number, library: Library, { progress, ...change }: Change): number {
  return progress ? progress.total - progress.done : Math.max(0, before - freshOnes(library, change).length);
}

function freshOnes(before: Library, change: Change): PictureId[] {
  return (change.pictures ?? []).map((picture) => picture.id).filter((id) => !before.pictures.has(id));
}

/** Drops drafts of pictures that are gone or whose tags changed, as by undo. */
function draftsOf(drafts: State["drafts"], before: Library, after: Library): State["drafts"] {
  const exists = (tag: TagId) => after.tags.has(tag);
  const alive = [...drafts].filter(([id]) => {
    const [was, is] = [before.pictures.get(id), after.pictures.get(id)];
    return was && is && was.confirmed === is.confirmed && was.tags.join("\n") === is.tags.join("\n");
  });
  return new Map(alive.map(([id, draft]) => [id, prune(draft, exists)]));
}

function stillOpen(ticks: Ticks, { pictures }: Library): Ticks {
  const open = [...ticks].filter(([id]) => pictures.get(id)?.confirmed === false);
  return open.length === ticks.size ? ticks : new Map(open);
}

/** Drops pictures from the selection that the filter hides: actions only reach visible pictures. */
function onlyShownSelected(state: State): State {
  const { library, selected, filter, drafts } = state;
  if (library === null || selected === null || selected.size === 0) return state;
  const shown = visible(library, filter, drafts).filter((id) => selected.has(id));
  return shown.length === selected.size ? state : { ...state, selected: new Set(shown) };
}

function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | null): ReadonlyMap<K, V> {
  const copy = new Map(map);
  if (value === null) copy.delete(key);
  else copy.set(key, value);
  return copy;
}
