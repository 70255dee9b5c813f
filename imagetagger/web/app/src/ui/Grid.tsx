import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { PictureId, TagId, TagView } from "../api";
import { caption } from "./certainty";
import { useApp } from "./context";
import styles from "./Grid.module.css";
import { useWords } from "./language";
import { isTicked, type Proposal } from "./proposals";
import { type Layout, useRange } from "./range";
import { Tile } from "./Tile";
import tileStyles from "./Tile.module.css";

interface Props {
  label: string;
  /** Null is the place of a picture to come. */
  cells: readonly (PictureId | null)[];
  /** The picture that the Tab key reaches; null for the first one. */
  start: PictureId | null;
  /** Of pictures to confirm together, which have a tick. */
  proposals?: ReadonlyMap<PictureId, Proposal>;
  onFocus(id: PictureId): void;
  onPress(id: PictureId, range: boolean): void;
}

/** Squares of pictures, of which those near the window are drawn. */
export function Grid({ label, cells, start, proposals, onFocus, onPress }: Props) {
  const { engine, state, library, dispatch } = useApp();
  const { gallery } = useWords();
  const { selected, drafts, ticks } = state;
  const { pictures, tags } = library;
  const grid = useRef<HTMLUListElement>(null);
  const { range, layout, follow } = useRange(grid, cells.length);
  const [stop, setStop] = useState(start);
  const shown = useRef(proposals);
  shown.current = proposals;
  const onTick = useCallback(
    (id: PictureId, isTicked: boolean) => {
      const proposal = shown.current?.get(id);
      if (proposal) dispatch({ type: "tick", proposals: [[id, proposal]], isTicked });
    },
    [dispatch], // tiles compare it
  );
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
        const picture = id === null ? undefined : pictures.get(id);
        if (id === null || picture === undefined)
          return <li key={`free ${range.from + i}`} class={tileStyles.tile} aria-hidden="true" />;
        const proposal = proposals?.get(id);
        const words = proposal ?? caption(picture, drafts.get(id)?.removed);
        const kind = !picture.confirmed && picture.unknown ? "unknown" : words.certainty;
        const name = kind === "unknown" && !proposal ? null : namesOf(words.tags, tags);
        return (
          <Tile
            key={id}
            id={id}
            position={range.from + i + 1}
            count={cells.length}
            label={gallery.tile(picture.name, name, kind)}
            tickLabel={gallery.tick(picture.name)}
            caption={name && gallery.caption(name, kind)}
            kind={kind}
            selected={selected === null ? null : selected.has(id)}
            ticked={proposal && selected === null ? isTicked(ticks, id, proposal) : null}
            stop={id === first}
            engine={engine}
            onPress={onPress}
            onTick={onTick}
          />
        );
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

function namesOf(ids: readonly TagId[], tags: ReadonlyMap<TagId, TagView>): string | null {
  const names = ids.flatMap((tag) => tags.get(tag)?.name ?? []);
  return names.length > 0 ? names.join(", ") : null;
}
