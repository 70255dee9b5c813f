import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PictureId, PictureView, TagId, TagView } from "../api";
import { useApp } from "./context";
import { AddButtons, Empty } from "./Empty";
import { FilterBar } from "./FilterBar";
import { EVERYTHING, shownTags, showsNew, visible } from "./filter";
import { Icon } from "./Icon";
import { useRange } from "./range";
import { pictureHref } from "./route";
import { SelectionBar } from "./SelectionBar";
import { arrived as arrivedOf } from "./state";
import { Tile } from "./Tile";
import * as words from "./words";

/** Where the user left the gallery, to return there. */
const left: { scroll: number; id: PictureId | null } = { scroll: 0, id: null };

/** The screen of all pictures. */
export function Gallery() {
  const { state, library, dispatch } = useApp();
  const { filter, selected } = state;
  const { order, pictures, tags, terms } = library;
  const ids = useMemo(() => visible(library, filter), [order, pictures, tags, terms, filter]);
  const { awaited } = state;
  const arrived = arrivedOf(state);
  const isPlain = showsNew(filter);
  const cells = useMemo(
    () => (isPlain ? [...ids.slice(0, arrived), ...Array<null>(awaited).fill(null), ...ids.slice(arrived)] : ids),
    [ids, isPlain, arrived, awaited],
  );
  if (order.length === 0 && awaited === 0) return <Empty />;
  const isWaiting = filter.show === "open" && ids.length > 0;
  return (
    <>
      <h1 class="hidden" tabIndex={-1}>
        Pictures
      </h1>
      <FilterBar />
      <p class="hidden" role="status">
        {words.many(ids.length, "picture")} shown
      </p>
      {cells.length === 0 && (
        <div class="nothing">
          <p>No picture here.</p>
          <button type="button" class="button" onClick={() => dispatch({ type: "filter", filter: EVERYTHING })}>
            Show all pictures
          </button>
        </div>
      )}
      <Grid ids={ids} cells={cells} />
      {selected === null ? (
        <div class="floating">
          <div class="add">
            <AddButtons camera={false} files={!isWaiting} />
            {isWaiting && (
              <a class="button primary" href={pictureHref(ids[0] ?? "")}>
                <Icon name="learn" />
                {words.start(ids.length)}
              </a>
            )}
          </div>
        </div>
      ) : (
        <SelectionBar ids={ids} selected={selected} />
      )}
    </>
  );
}

/** The squares; null is the place of a picture to come. */
function Grid({ ids, cells }: { ids: readonly PictureId[]; cells: readonly (PictureId | null)[] }) {
  const { engine, state, library } = useApp();
  const { selected } = state;
  const { pictures, tags } = library;
  const grid = useRef<HTMLUListElement>(null);
  const { range, layout, follow } = useRange(grid, cells.length);
  const [stop, setStop] = useState(left.id);
  const focusTarget = useRef<PictureId | null>(null);
  const onPress = useSelection(ids);
  useLayoutEffect(() => {
    window.scrollTo(0, left.scroll);
    follow();
    const remember = () => {
      left.scroll = window.scrollY;
    };
    window.addEventListener("scroll", remember, { passive: true });
    return () => window.removeEventListener("scroll", remember);
  }, []);
  useLayoutEffect(() => {
    if (focusTarget.current === null) return;
    const tile = [...(grid.current?.querySelectorAll<HTMLElement>("[data-id]") ?? [])].find(
      (each) => each.dataset.id === focusTarget.current,
    );
    if (tile === undefined) return; // not drawn yet, while scrolling
    focusTarget.current = null;
    tile.focus();
  });
  const walk = (event: KeyboardEvent) => {
    const at = cells.indexOf((event.target as HTMLElement).dataset.id ?? "");
    const to = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: layout.columns, ArrowUp: -layout.columns }[event.key];
    const next = event.key === "Home" ? 0 : event.key === "End" ? cells.length - 1 : at + (to ?? Number.NaN);
    const id = cells[next];
    if (at < 0 || Number.isNaN(next)) return;
    event.preventDefault();
    if (!id || grid.current === null) return;
    const top = grid.current.getBoundingClientRect().top + Math.floor(next / layout.columns) * layout.pitch;
    if (top < 130) window.scrollBy(0, top - 130);
    else if (top + layout.pitch > window.innerHeight - 130)
      window.scrollBy(0, top + layout.pitch + 130 - window.innerHeight);
    focusTarget.current = id;
    setStop(id);
    follow();
  };
  const drawn = cells.slice(range.from, range.to);
  const first = stop !== null && drawn.includes(stop) ? stop : drawn.find((id) => id !== null);
  return (
    <ul
      ref={grid}
      class="grid"
      aria-label="Pictures"
      onKeyDown={walk}
      onFocusIn={(event) => {
        const id = (event.target as HTMLElement).dataset.id;
        if (id === undefined) return;
        left.id = id;
        setStop(id);
      }}
    >
      {drawn.map((id, i) => {
        const picture = id === null ? undefined : pictures.get(id);
        if (id === null || picture === undefined)
          return <li key={`free ${range.from + i}`} class="tile" aria-hidden="true" />;
        return (
          <Tile
            key={id}
            id={id}
            position={range.from + i + 1}
            count={cells.length}
            file={picture.name}
            name={tileName(picture, tags)}
            kind={tileKind(picture)}
            selected={selected === null ? null : selected.has(id)}
            stop={id === first}
            engine={engine}
            onPress={onPress}
          />
        );
      })}
    </ul>
  );
}

/** Selects a picture, or with Shift all since the last one. The function stays the same, as tiles compare it. */
function useSelection(ids: readonly PictureId[]): (id: PictureId, range: boolean) => void {
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

function tileKind(picture: PictureView): "confirmed" | "unknown" | "suggested" {
  if (picture.confirmed) return "confirmed";
  return picture.unknown ? "unknown" : "suggested";
}

function tileName(picture: PictureView, tags: ReadonlyMap<TagId, TagView>): string | null {
  const shown = picture.confirmed ? shownTags(picture) : shownTags(picture).slice(0, 1);
  return shown.flatMap((tag) => tags.get(tag)?.name ?? []).join(", ") || null;
}
