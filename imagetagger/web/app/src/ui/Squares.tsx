import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { PictureId } from "../api";
import styles from "./Grid.module.css";
import { type Layout, useRange } from "./range";
import tileStyles from "./Tile.module.css";

/** Where a square is: its place from 1, of how many, and whether the Tab key reaches it. */
export interface Place {
  position: number;
  count: number;
  stop: boolean;
}

interface Props {
  label: string;
  /** Null is the place of a picture to come. */
  cells: readonly (PictureId | null)[];
  /** The picture that the Tab key reaches; null for the first one. */
  start: PictureId | null;
  onFocus(id: PictureId): void;
  /** Draws a picture's square; undefined leaves its place free. */
  draw(id: PictureId, place: Place): ComponentChildren | undefined;
}

/** Squares of which those near the window are drawn; the arrow keys go from one to the next, and to other grids. */
export function Squares({ label, cells, start, onFocus, draw }: Props) {
  const grid = useRef<HTMLUListElement>(null);
  const { range, layout, follow } = useRange(grid, cells.length);
  const [stop, setStop] = useState(start);
  const focusTarget = useRef<PictureId | null>(null);
  useLayoutEffect(() => {
    if (focusTarget.current === null) return;
    const tile = tiles(grid.current).find((each) => each.dataset.id === focusTarget.current);
    if (tile === undefined) return; // not drawn yet, while scrolling
    focusTarget.current = null;
    tile.focus();
  });
  const walk = (event: KeyboardEvent) => {
    const at = cells.indexOf((event.target as HTMLElement).dataset.id ?? "");
    const next = placeAfter(event.key, at, cells.length, layout);
    if (at < 0 || next === null || grid.current === null) return;
    event.preventDefault();
    const id = cells[next];
    if (next < 0 || next >= cells.length) neighbour(grid.current, next < 0)?.focus();
    if (!id) return;
    scrollTo(grid.current.getBoundingClientRect().top + Math.floor(next / layout.columns) * layout.pitch, layout);
    focusTarget.current = id;
    setStop(id);
    follow();
  };
  const drawn = cells.slice(range.from, range.to);
  const first = stop !== null && drawn.includes(stop) ? stop : drawn.find((id) => id !== null);
  return (
    <ul
      ref={grid}
      class={styles.grid}
      data-grid
      aria-label={label}
      onKeyDown={walk}
      onFocusIn={(event) => {
        const id = (event.target as HTMLElement).dataset.id;
        if (id === undefined) return;
        onFocus(id);
        setStop(id);
      }}
    >
      {drawn.map((id, i) => {
        const place = { position: range.from + i + 1, count: cells.length, stop: id === first };
        const square = id === null ? undefined : draw(id, place);
        if (square !== undefined) return square;
        return <li key={`free ${range.from + i}`} class={tileStyles.tile} aria-hidden="true" />;
      })}
    </ul>
  );
}

/** The place that a key leads to, outside of 0 .. count - 1 beyond an edge; null for other keys. */
function placeAfter(key: string, at: number, count: number, { columns }: Layout): number | null {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
  if (by === undefined) return null;
  const lastRow = Math.floor((count - 1) / columns);
  const isInLastRow = Math.floor(at / columns) === lastRow;
  return key === "ArrowDown" && at + by >= count && !isInLastRow ? count - 1 : at + by;
}

/** The nearest square of the grid before this one, or after it. */
function neighbour(grid: HTMLElement, before: boolean): HTMLElement | undefined {
  const grids = [...document.querySelectorAll<HTMLElement>("[data-grid]")];
  const other = grids[grids.indexOf(grid) + (before ? -1 : 1)];
  return tiles(other ?? null).at(before ? -1 : 0);
}

function tiles(grid: HTMLElement | null): HTMLElement[] {
  return [...(grid?.querySelectorAll<HTMLElement>("[data-id]") ?? [])];
}

/** Pixels that the bars above pictures cover, at most. */
const COVERED = 190;

/** Scrolls so far that a row with this upper edge is in sight. */
function scrollTo(top: number, { pitch }: Layout): void {
  if (top < COVERED) window.scrollBy(0, top - COVERED);
  else if (top + pitch > window.innerHeight - 130) window.scrollBy(0, top + pitch + 130 - window.innerHeight);
}
