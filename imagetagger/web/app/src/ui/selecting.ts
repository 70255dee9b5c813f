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
    const onStart = (event: TouchEvent) => {
      const first = pictureAt(event.touches[0]);
      const target = event.target as HTMLElement;
      if (event.touches.length !== 1 || first === undefined) return;
      followFinger(target, event.touches[0] as Touch, () => {
        const before = now.current.selected ?? new Set<PictureId>();
        return (to) => {
          const reach = between(now.current.ids, first, to ?? first);
          dispatch({ type: "select", selected: new Set([...before, ...reach]) });
        };
      });
    };
    element?.addEventListener("touchstart", onStart, { passive: true });
    return () => element?.removeEventListener("touchstart", onStart);
  }, [root, dispatch]);
}

/** The ids from one to another, in either order; only the last one without a first. */
export function between(ids: readonly PictureId[], first: PictureId | null, last: PictureId): readonly PictureId[] {
  const [from, to] = [first === null ? -1 : ids.indexOf(first), ids.indexOf(last)];
  return from < 0 || to < 0 ? [last] : ids.slice(Math.min(from, to), Math.max(from, to) + 1);
}

/**
 * Waits for a long press, then reports the picture under the finger.
 *
 * @param target where the finger came down: it gets the later events, even when it is drawn anew.
 * @param begin called at the long press.
 */
function followFinger(target: HTMLElement, start: Touch, begin: () => (at: PictureId | undefined) => void): void {
  let report: ((at: PictureId | undefined) => void) | undefined;
  const timer = setTimeout(() => {
    report = begin();
    report(undefined);
  }, LONG_PRESS);
  const listening = new AbortController();
  const { signal } = listening;
  const end = (event: Event) => {
    clearTimeout(timer);
    listening.abort();
    if (report && event.cancelable) event.preventDefault(); // no click follows
  };
  const onMove = (event: TouchEvent) => {
    const touch = event.touches[0] as Touch;
    if (report) {
      event.preventDefault(); // no scrolling
      const at = pictureAt(touch);
      if (at !== undefined) report(at);
    } else if (Math.hypot(touch.clientX - start.clientX, touch.clientY - start.clientY) > STILL) end(event);
  };
  target.addEventListener("touchmove", onMove, { passive: false, signal });
  target.addEventListener("touchend", end, { signal });
  target.addEventListener("touchcancel", end, { signal });
  target.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
}

function pictureAt(touch: Touch | undefined): PictureId | undefined {
  const at = touch && document.elementFromPoint(touch.clientX, touch.clientY);
  return at?.closest<HTMLElement>("[data-id]")?.dataset.id;
}
