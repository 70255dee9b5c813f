import type { RefObject } from "preact";
import { useCallback, useEffect, useRef } from "preact/hooks";
import type { PictureId } from "../api";
import { useApp } from "./context";

/** Milliseconds that a finger rests on a picture to select it. */
const LONG_PRESS = 450;

/** Pixels that it may move meanwhile. */
const STILL = 10;

/** Selects a picture, or with Shift all since the last one. The function stays the same, as tiles compare it. */
export function useSelection(ids: readonly PictureId[]): (id: PictureId, range: boolean) => void {
  const { state, dispatch } = useApp();
  const anchor = useRef<PictureId | null>(null);
  const press = useRef<(id: PictureId, range: boolean) => void>(() => {});
  press.current = (id, range) => {
    if (state.selected === null) return;
    const from = range ? anchor.current : null;
    const next = new Set(state.selected);
    for (const each of between(ids, from, id)) state.selected.has(id) ? next.delete(each) : next.add(each);
    anchor.current = id;
    dispatch({ type: "select", selected: next });
  };
  return useCallback((id, range) => press.current(id, range), []);
}

/** Selects with a finger: a long press a picture, and from there all up to where it is drawn. */
export function useTouchSelection(root: RefObject<HTMLElement | null>, ids: readonly PictureId[]): void {
  const { state, dispatch } = useApp();
  const now = useRef({ ids, selected: state.selected });
  now.current = { ids, selected: state.selected };
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let start: Touch | undefined;
    let select: ((last: PictureId) => void) | undefined; // once it is selecting
    const begin = (first: PictureId) => {
      const before = now.current.selected ?? new Set<PictureId>();
      select = (last) => {
        const reach = between(now.current.ids, first, last);
        dispatch({ type: "select", selected: new Set([...before, ...reach]) });
      };
      select(first);
    };
    const end = (event?: Event) => {
      clearTimeout(timer);
      if (select && event?.cancelable) event.preventDefault(); // no click follows
      select = undefined;
    };
    const onStart = (event: TouchEvent) => {
      end();
      start = event.touches[0];
      const first = pictureAt(start);
      if (event.touches.length === 1 && first !== undefined) timer = setTimeout(() => begin(first), LONG_PRESS);
    };
    const onMove = (event: TouchEvent) => {
      const touch = event.touches[0];
      if (touch === undefined || start === undefined) return;
      if (select) {
        event.preventDefault(); // no scrolling
        const at = pictureAt(touch);
        if (at !== undefined) select(at);
      } else if (Math.hypot(touch.clientX - start.clientX, touch.clientY - start.clientY) > STILL) end();
    };
    const onMenu = (event: Event) => {
      if (select) event.preventDefault(); // that of a link
    };
    const listening = new AbortController();
    const { signal } = listening;
    element.addEventListener("touchstart", onStart, { passive: true, signal });
    element.addEventListener("touchmove", onMove, { passive: false, signal });
    for (const type of ["touchend", "touchcancel"] as const) element.addEventListener(type, end, { signal });
    element.addEventListener("contextmenu", onMenu, { signal });
    return () => {
      end();
      listening.abort();
    };
  }, [root, dispatch]);
}

/** The ids from one to another, in either order; only the last one without a first. */
export function between(ids: readonly PictureId[], first: PictureId | null, last: PictureId): readonly PictureId[] {
  const [from, to] = [first === null ? -1 : ids.indexOf(first), ids.indexOf(last)];
  return from < 0 || to < 0 ? [last] : ids.slice(Math.min(from, to), Math.max(from, to) + 1);
}

function pictureAt(touch: Touch | undefined): PictureId | undefined {
  const at = touch && document.elementFromPoint(touch.clientX, touch.clientY);
  return at?.closest<HTMLElement>("[data-id]")?.dataset.id;
}
