import { useCallback, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { PictureId } from "../api";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { AddButtons, Empty } from "./Empty";
import emptyStyles from "./Empty.module.css";
import { FilterBar } from "./FilterBar";
import { EVERYTHING, type Filter, showsNew } from "./filter";
import styles from "./Gallery.module.css";
import { Grid } from "./Grid";
import { Icon } from "./Icon";
import { useKeys } from "./keys";
import { useWords } from "./language";
import { type Proposal, proposalsOf } from "./proposals";
import { ReviewHead } from "./ReviewHead";
import { pictureHref } from "./route";
import { SelectionBar } from "./SelectionBar";
import { type Section, sectionKey, sections, steadySections, sureIds } from "./sections";
import { type IsSeen, useSeen } from "./seen";
import { useSelection, useTouchSelection } from "./selecting";
import { arrived as arrivedOf } from "./state";
import texts from "./texts.module.css";

/** Where the user left the gallery, to return there. */
const left: { scroll: number; id: PictureId | null } = { scroll: 0, id: null };

/** The square where the user was, otherwise the first one. */
export function lastTile(): HTMLElement | null {
  const tiles = [...document.querySelectorAll<HTMLElement>("[data-grid] [data-id]")];
  return tiles.find((tile) => tile.dataset.id === left.id) ?? tiles[0] ?? null;
}

/** The screen of all pictures. */
export function Gallery() {
  const { state, library, dispatch } = useApp();
  const { gallery, app } = useWords();
  const { filter, selected, drafts, awaited } = state;
  const { order, pictures, tags, terms } = library;
  const known = useRef<{ filter: Filter; keys: readonly string[] }>({ filter, keys: [] });
  const all = useMemo(() => {
    const before = known.current.filter === filter ? known.current.keys : [];
    return steadySections(before, sections(library, filter, drafts));
  }, [order, pictures, tags, terms, filter, filter.show === "open" && drafts]);
  known.current = { filter, keys: all.map(sectionKey) };
  const ids = useMemo(() => all.flatMap((section) => section.ids), [all]);
  const isAsking = filter.show === "open" || selected !== null;
  const proposals = useMemo(
    () => new Map(isAsking ? proposalsOf(pictures, ids, drafts) : []),
    [isAsking, pictures, ids, drafts],
  );
  const isSeen = useSeen(proposals, JSON.stringify([isAsking, filter]));
  useScroll();
  const sure = useMemo(() => sureIds(all), [all]);
  const isAllSure = selected !== null && sure.every((id) => selected.has(id));
  const everything = isAllSure ? ids : sure;
  useKeys({ "Ctrl+a": ids.length > 0 ? () => dispatch({ type: "select", selected: new Set(everything) }) : null });
  if (order.length === 0 && awaited === 0) return <Empty />;
  const isWaiting = filter.show === "open" && ids.length > 0;
  return (
    <>
      <h1 class="hidden" tabIndex={-1}>
        {app.pictures}
      </h1>
      <FilterBar />
      <p class="hidden" role="status">
        {gallery.shown(ids.length)}
      </p>
      {ids.length === 0 && awaited === 0 && (
        <div class={texts.nothing}>
          <p>{gallery.nothing}</p>
          <button
            type="button"
            class={controls.button}
            onClick={() => dispatch({ type: "filter", filter: { ...EVERYTHING, order: filter.order } })}
          >
            {gallery.showAll}
          </button>
        </div>
      )}
      <Sections all={all} ids={ids} proposals={proposals} isSeen={isSeen} />
      {selected === null ? (
        <div class={styles.floating}>
          <div class={emptyStyles.add}>
            <AddButtons camera={false} files={!isWaiting} />
            {isWaiting && (
              <a class={`${controls.button} ${controls.primary}`} href={pictureHref(ids[0] ?? "")}>
                <Icon name="learn" />
                {gallery.oneByOne}
              </a>
            )}
          </div>
        </div>
      ) : (
        <SelectionBar ids={everything} selected={selected} proposals={proposals} isSeen={isSeen} />
      )}
    </>
  );
}

interface SectionsProps {
  all: readonly Section[];
  ids: readonly PictureId[];
  proposals: ReadonlyMap<PictureId, Proposal>;
  isSeen: IsSeen;
}

/** The grids of pictures, each with its heading where it has one. */
function Sections({ all, ids, proposals, isSeen }: SectionsProps) {
  const { state, library } = useApp();
  const { app, gallery, list } = useWords();
  const { awaited, filter } = state;
  const arrived = arrivedOf(state);
  const root = useRef<HTMLDivElement>(null);
  const onPress = useSelection(ids);
  useTouchSelection(root, ids);
  const onFocus = useCallback((id: PictureId) => {
    left.id = id;
  }, []);
  const common = { start: left.id, onFocus, onPress };
  if (showsNew(filter)) {
    const cells = [...ids.slice(0, arrived), ...Array<null>(awaited).fill(null), ...ids.slice(arrived)];
    return (
      <div ref={root}>
        <Grid label={app.pictures} cells={cells} {...common} />
      </div>
    );
  }
  return (
    <div ref={root} class={styles.sections}>
      {all.map((section) => {
        const { kind } = section;
        const isAsked = kind === "likely" || kind === "guess";
        const key = sectionKey(section);
        if (kind === "plain") return <Grid key={key} label={app.pictures} cells={section.ids} {...common} />;
        const names = section.tags.flatMap((tag) => library.tags.get(tag)?.name ?? []);
        const title = names.length > 0 ? gallery.sectionOf(kind, list(names)) : gallery.sections[kind];
        return (
          <section key={key} aria-label={title}>
            <ReviewHead section={section} title={title} proposals={proposals} isSeen={isSeen} />
            <Grid label={title} cells={section.ids} {...(isAsked ? { proposals } : {})} {...common} />
          </section>
        );
      })}
    </div>
  );
}

/** Returns to where the user left the gallery. */
function useScroll(): void {
  useLayoutEffect(() => {
    window.scrollTo(0, left.scroll);
    const remember = () => {
      left.scroll = window.scrollY;
    };
    window.addEventListener("scroll", remember, { passive: true });
    return () => window.removeEventListener("scroll", remember);
  }, []);
}
