import { useCallback, useRef } from "preact/hooks";
import type { PictureId } from "../api";
import { useApp } from "./context";

/** Selects a picture, or with Shift all since the last one. The function stays the same, as tiles compare it. */
export function useSelection(ids: readonly PictureId[]): (id: PictureId, range: boolean) => void {
  const { state, dispatch } = useApp();
  const anchor = useRef<PictureId | null>(null);
  const press = useRef<(id: PictureId, range: boolean) => void>(() => {});
  press.current = (id, range) => {
    if (state.selected === null) return;
    const [from, to] = [anchor.current === null ? -1 : ids.indexOf(anchor.current), ids.indexOf(id)];
    const reach = range && from >= 0 ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    const next = new Set(state.selected);
    for (const each of reach) state.selected.has(id) ? next.delete(each) : next.add(each);
    anchor.current = id;
    dispatch({ type: "select", selected: next });
  };
  return useCallback((id, range) => press.current(id, range), []);
}
