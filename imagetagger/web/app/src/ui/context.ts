import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Added, Engine, Incoming } from "../api";
import type { Action, Library, ScreenState } from "./state";

/** What every screen needs. */
export interface App {
  engine: Engine;
  state: ScreenState;
  /** What the worker published; screens are shown only after that. */
  library: Library;
  dispatch(action: Action): void;
  /** Waits for work of the engine; shows its problem, or what `done` says. */
  act<T>(work: Promise<T>, done?: (result: T) => string): Promise<T | undefined>;
  /** The same for a step: shows what it did, or what `done` says, with Undo. Returns whether it was done. */
  change<T>(work: Promise<T>, done?: (result: T) => string): Promise<boolean>;
  /** Adds files, and shows and returns what became of them; undefined where they could not be added. */
  addFiles(files: readonly Incoming[]): Promise<Added | undefined>;
  /** The same for files that are still looked for, as in a folder; says where there are none. */
  addFound(files: Promise<readonly Incoming[]>): Promise<Added | undefined>;
  /** Undoes the step of this id, the newest; once, however often it is pressed. */
  undo(step: number): Promise<void>;
}

/** Holds the app for its screens. */
export const AppContext = createContext<App | null>(null);

/** The app, inside of a screen. */
export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("got a screen outside of App, expected one inside");
  return app;
}
