import type { RefObject } from "preact";
import { useCallback, useLayoutEffect, useState } from "preact/hooks";

/** How a grid of squares is laid out, in pixels. */
export interface Layout {
  columns: number;
  /** From one row to the next. */
  pitch: number;
}

/** The part of a grid that is drawn: items `from` up to, not including, `to`. */
export interface Range {
  from: number;
  to: number;
}

/** Rows drawn beyond each edge of the window, so that scrolling finds them there. */
const MARGIN = 3;

/** Nothing: the same for a grid above the window and one below it. */
const NONE: Range = { from: 0, to: 0 };

/**
 * The items of a grid in or near a window: complete rows, or `NONE` if the grid is far from it.
 *
 * `top` is the grid's distance from the window's upper edge (negative once scrolled), `height` the window's, both in pixels.
 */
export function rangeInView(count: number, { columns, pitch }: Layout, top: number, height: number): Range {
  const rows = Math.ceil(count / columns);
  const first = Math.min(rows, Math.max(0, Math.floor(-top / pitch) - MARGIN));
  const end = Math.min(rows, Math.max(first, Math.ceil((height - top) / pitch) + MARGIN));
  return first < end ? { from: first * columns, to: Math.min(count, end * columns) } : NONE;
}

/**
 * Draws only what is near the window: thousands of squares cost as little as fifty.
 *
 * Sets --all, the height of all rows, and --above, that of those above the drawn ones. The grid's height must follow from
 * --all alone: if it changed with the drawn rows, so would the places of other grids and thus what they draw, without end.
 */
export function useRange(grid: RefObject<HTMLElement | null>, count: number) {
  const [layout, setLayout] = useState<Layout>({ columns: 1, pitch: 1 });
  const [range, setRange] = useState(NONE); // until it is laid out
  const follow = useCallback(() => {
    const element = grid.current;
    if (element === null) return;
    const columns = getComputedStyle(element).gridTemplateColumns.split(" ").map(Number.parseFloat);
    const gap = Number.parseFloat(getComputedStyle(element).rowGap);
    const now = { columns: columns.length, pitch: (columns[0] ?? 1) + gap };
    const next = rangeInView(count, now, element.getBoundingClientRect().top, window.innerHeight);
    const all = `${Math.ceil(count / now.columns) * now.pitch}px`;
    if (element.style.getPropertyValue("--all") !== all) element.style.setProperty("--all", all);
    setLayout((was) => (was.columns === now.columns && was.pitch === now.pitch ? was : now));
    setRange((was) => (was.from === next.from && was.to === next.to ? was : next));
  }, [grid, count]);
  useLayoutEffect(() => {
    grid.current?.style.setProperty("--above", `${(range.from / layout.columns) * layout.pitch}px`);
  }, [grid, range, layout]); // before `follow` measures
  useLayoutEffect(follow); // also when what is above it goes away: no event says so
  useLayoutEffect(() => {
    const sizes = new ResizeObserver(follow);
    if (grid.current !== null) sizes.observe(grid.current);
    window.addEventListener("scroll", follow, { passive: true });
    return () => {
      sizes.disconnect();
      window.removeEventListener("scroll", follow);
    };
  }, [grid, follow]);
  return { range, layout, follow };
}
