import type { ComponentChildren } from "preact";
import { memo } from "preact/compat";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import type { Change, Engine, Incoming, Snapshot } from "../api";
import { problemOf } from "../format/problems";
import styles from "./App.module.css";
import { additions, countsOf } from "./adding";
import { gathered } from "./changes";
import { AppContext, type App as Context, useApp } from "./context";
import controls from "./controls.module.css";
import { useDropAndPaste } from "./dropping";
import { Gallery, lastTile } from "./Gallery";
import { Icon } from "./Icon";
import { KeysHelp } from "./KeysHelp";
import { focusField, useKeys } from "./keys";
import { useWords } from "./language";
import { MorePage } from "./MorePage";
import { Progress, Summary, Toasts } from "./Notices";
import noticesStyles from "./Notices.module.css";
import { FailureScreen, Skeleton } from "./Opening";
import { PicturePage } from "./PicturePage";
import { useReceived } from "./receiving";
import { goToPicture, type Route, useRoute } from "./route";
import { SharedPictures } from "./SharedPictures";
import {
  type Action,
  type Notice,
  newestStep,
  reduce,
  type ScreenState,
  START,
  type State,
  screenState,
} from "./state";
import { useStayAwake } from "./stay_awake";
import { TagsPage } from "./TagsPage";

interface Props {
  engine: Engine;
  /** Opens the engine; fails also where its worker cannot be loaded. */
  open(listen: (change: Change) => void): Promise<Snapshot>;
  /** Watches the browser: offers to install, and new versions after the opening. */
  watch?(dispatch: (action: Action) => void, opened: Promise<void>): void;
}

/** The page. */
export function App({ engine, open, watch }: Props) {
  const [state, dispatch] = useReducer(reduce, START);
  const route = useRoute();
  const words = useWords();
  const newest = useRef(0); // as the user sees it
  newest.current = newestStep(state.library);
  const changes = useMemo(() => gathered((all) => dispatch({ type: "changed", changes: all })), []);
  useEffect(() => {
    const opened = open(changes.listen).then(
      (snapshot) => {
        dispatch({ type: "opened", snapshot });
        const { reembedded, unreadable, unfinished } = snapshot;
        const news = [
          reembedded + unreadable > 0 ? words.app.reembedded(reembedded, unreadable) : "",
          unfinished && unfinished.left > 0 ? words.app.unfinished(unfinished.left, unfinished.total) : "",
        ].filter(Boolean);
        if (news.length > 0) notice(news.join(" "), unreadable > 0 || unfinished ? "alert" : "status");
      },
      (error: unknown) => dispatch({ type: "failed", failure: problemOf(error) }),
    );
    watch?.(dispatch, opened);
  }, []);
  const notice = useCallback((text: string, kind: Notice["kind"] = "status") => {
    dispatch({ type: "toast", toast: { text, kind } });
  }, []);
  const act = useCallback<Context["act"]>(
    async (work, done) => {
      try {
        const result = await work.finally(changes.flush);
        if (done !== undefined) notice(done(result));
        return result;
      } catch (error) {
        notice(words.problem(problemOf(error)), "alert");
        return undefined;
      }
    },
    [notice, changes, words],
  );
  const change = useCallback<Context["change"]>(
    async (work, done) => {
      const since = newest.current;
      const isDone = await act(
        work.then((result) => {
          changes.flush();
          dispatch({ type: "toast", toast: { text: done?.(result) ?? null, kind: "status", since } });
          return true;
        }),
      );
      return isDone === true;
    },
    [act, changes],
  );
  const add = useMemo(
    () =>
      additions(engine, (isUnderWay) => {
        changes.flush();
        dispatch({ type: "adding", isUnderWay });
      }),
    [engine, changes],
  );
  const addFiles = useCallback(
    async (files: readonly Incoming[]) => {
      if (files.length === 0) return undefined;
      dispatch({ type: "toast", toast: null }); // screen readers then announce equal words again
      const result = await act(add(files));
      if (result === undefined) return undefined;
      const only = files.length === 1 ? (result.added[0] ?? result.again[0]) : undefined;
      if (result.refused.length > 0) dispatch({ type: "summary", summary: result });
      else notice(words.gallery.added(countsOf(result)));
      if (only !== undefined) goToPicture(only);
      return result;
    },
    [add, act, notice, words],
  );
  const undoing = useRef(0);
  const undo = useCallback(
    async (step: number) => {
      if (undoing.current === step) return; // pressed twice
      undoing.current = step;
      await act(engine.undo(step), ({ what }) => words.app.undone(words.step(what)));
      undoing.current = 0;
    },
    [engine, act, words],
  );
  const closeToast = useCallback(() => dispatch({ type: "toast", toast: null }), []);
  useStayAwake(state.since !== null);
  const [helps, setHelps] = useState(false);
  useKeys({
    "Ctrl+z": () => void (newest.current && undo(newest.current)),
    "/": focusField,
    "?": () => setHelps(true),
  });
  const library = state.library;
  const isOpen = library !== null;
  const addFound = useCallback<Context["addFound"]>(
    async (found) => {
      const files = isOpen ? await act(found) : undefined;
      if (files?.length === 0) notice(words.app.nothingFound);
      return files && addFiles(files);
    },
    [isOpen, act, addFiles, notice, words],
  );
  const over = useDropAndPaste(addFound);
  const offer = useReceived(isOpen, addFound, () => notice(words.app.shareIncomplete, "alert"));
  const shown = useRef<ScreenState | null>(null);
  const screen = screenState(state, shown.current);
  shown.current = screen;
  const context = useMemo<Context | null>(
    () =>
      screen.library && {
        engine,
        state: screen,
        library: screen.library,
        dispatch,
        act,
        change,
        addFiles,
        addFound,
        undo,
      },
    [engine, screen, act, change, addFiles, addFound, undo],
  );
  return (
    <Frame route={route} state={state}>
      {state.failure !== null && <FailureScreen failure={state.failure} />}
      {state.failure === null && library === null && <Skeleton progress={state.progress} />}
      {context && state.failure === null && (
        <AppContext.Provider value={context}>
          <Screen route={route} />
          <Summary />
          {offer && <SharedPictures offer={offer} />}
          {helps && <KeysHelp onClose={() => setHelps(false)} />}
        </AppContext.Provider>
      )}
      <div class={noticesStyles.notices}>
        <Toasts toast={state.toast} onUndo={undo} onClose={closeToast} />
        {library && state.progress && (
          <Progress work={state.progress} {...(state.since !== null ? { onCancel: () => void engine.cancel() } : {})} />
        )}
      </div>
      {over && <div class={styles.drop}>{words.app.drop}</div>}
    </Frame>
  );
}

/** The screen of an address; drawn again only when that, or what it reads of the context, changes. */
const Screen = memo(function Screen({ route }: { route: Route }) {
  const { library } = useApp();
  const { app } = useWords();
  const before = useRef(route);
  const left = useRef<Element | null>(null); // where the focus was when the screen came
  const name = route.page === "picture" ? library.pictures.get(route.id)?.name : undefined;
  useEffect(() => {
    const screen = route.page === "tags" || route.page === "more" ? app[route.page] : app.pictures;
    document.title = app.title(name ?? screen);
  }, [route, name, app]);
  useLayoutEffect(() => {
    if (before.current === route) return;
    left.current = document.activeElement;
    if (route.page !== "pictures") window.scrollTo(0, 0);
  }, [route]);
  useEffect(() => {
    if (before.current === route) return;
    before.current = route;
    if (document.activeElement !== left.current) return; // on a slow device the user may be typing by now
    const tile = route.page === "pictures" ? lastTile() : null;
    const target = tile ?? document.querySelector<HTMLElement>("main h1");
    target?.focus({ preventScroll: true });
  }, [route]);
  if (route.page === "picture") return <PicturePage id={route.id} />;
  if (route.page === "tags") return <TagsPage />;
  return route.page === "more" ? <MorePage /> : <Gallery />;
});

function Frame({ route, state, children }: { route: Route; state: State; children: ComponentChildren }) {
  const { app } = useWords();
  const tab = (page: Route["page"], href: string, label: string, icon: "pictures" | "tag" | "more") => (
    <a href={href} {...(route.page === page ? { "aria-current": "page" as const } : {})}>
      <Icon name={icon} />
      {label}
    </a>
  );
  return (
    <div class={styles.app} data-page={route.page}>
      <nav class={styles.tabs} aria-label={app.screens}>
        <span class={`${styles.brand} no-phone`}>imagetagger</span>
        {tab("pictures", "#/", app.pictures, "pictures")}
        {tab("tags", "#/tags", app.tags, "tag")}
        {tab("more", "#/more", app.more, "more")}
      </nav>
      {state.update && state.since === null && (
        <div class={styles.update} role="status">
          {app.newVersion}
          <button type="button" class={`${controls.button} ${controls.small}`} onClick={state.update}>
            {app.update}
          </button>
        </div>
      )}
      <main>{children}</main>
    </div>
  );
}
