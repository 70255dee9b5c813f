import { useCallback, useRef } from "preact/hooks";
import type { PictureId, TagId, TagView } from "../api";
import { caption } from "./certainty";
import { useApp } from "./context";
import { useWords } from "./language";
import { isTicked, type Proposal } from "./proposals";
import { type Place, Squares } from "./Squares";
import { Tile } from "./Tile";

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

/** Squares of the app's pictures. */
export function Grid({ label, cells, start, proposals, onFocus, onPress }: Props) {
  const { engine, state, library, dispatch } = useApp();
  const { gallery } = useWords();
  const { selected, drafts, ticks } = state;
  const { pictures, tags } = library;
  const shown = useRef(proposals);
  shown.current = proposals;
  const onTick = useCallback(
    (id: PictureId, isTicked: boolean) => {
      const proposal = shown.current?.get(id);
      if (proposal) dispatch({ type: "tick", proposals: [[id, proposal]], isTicked });
    },
    [dispatch], // tiles compare it
  );
  const draw = (id: PictureId, place: Place) => {
    const picture = pictures.get(id);
    if (picture === undefined) return undefined;
    const proposal = proposals?.get(id);
    const words = proposal ?? caption(picture, drafts.get(id)?.removed);
    const kind = !picture.confirmed && picture.unknown ? "unknown" : words.certainty;
    const name = kind === "unknown" && !proposal ? null : namesOf(words.tags, tags);
    return (
      <Tile
        key={id}
        id={id}
        {...place}
        label={gallery.tile(picture.name, name, kind)}
        tickLabel={gallery.tick(picture.name)}
        caption={name && gallery.caption(name, kind)}
        kind={kind}
        selected={selected === null ? null : selected.has(id)}
        ticked={proposal && selected === null ? isTicked(ticks, id, proposal) : null}
        engine={engine}
        onPress={onPress}
        onTick={onTick}
      />
    );
  };
  return <Squares label={label} cells={cells} start={start} onFocus={onFocus} draw={draw} />;
}

function namesOf(ids: readonly TagId[], tags: ReadonlyMap<TagId, TagView>): string | null {
  const names = ids.flatMap((tag) => tags.get(tag)?.name ?? []);
  return names.length > 0 ? names.join(", ") : null;
}
