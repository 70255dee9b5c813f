import { memo } from "preact/compat";
import type { Engine, PictureId } from "../api";
import { useBlobUrl } from "./blobs";
import { Icon } from "./Icon";
import { pictureHref } from "./route";
import * as words from "./words";

interface Props {
  id: PictureId;
  /** Its place among all pictures, from 1. */
  position: number;
  count: number;
  file: string;
  /** Its best tag, or the user's. */
  name: string | null;
  kind: "confirmed" | "unknown" | "suggested";
  /** Null while not selecting. */
  selected: boolean | null;
  /** Whether the Tab key reaches it; the arrow keys reach the others. */
  stop: boolean;
  engine: Engine;
  onPress(id: PictureId, range: boolean): void;
}

/** One square of the gallery. */
export const Tile = memo(function Tile({
  id,
  position,
  count,
  file,
  name,
  kind,
  selected,
  stop,
  engine,
  onPress,
}: Props) {
  const url = useBlobUrl(() => engine.crop(id), id);
  const inside = (
    <>
      {url && <img src={url} alt="" decoding="async" draggable={false} />}
      {kind === "confirmed" && selected === null && (
        <span class="badge sure">
          <Icon name="check" />
        </span>
      )}
      {kind === "unknown" && selected === null && <span class="badge unsure">?</span>}
      {selected !== null && <span class="badge pick">{selected && <Icon name="check" />}</span>}
      {name !== null && kind !== "unknown" && (
        <span class="caption" dir="auto">
          {name}
        </span>
      )}
    </>
  );
  const common = { "data-id": id, tabIndex: stop ? 0 : -1, "aria-label": words.tileLabel(file, name, kind) };
  return (
    <li class="tile" aria-posinset={position} aria-setsize={count}>
      {selected === null ? (
        <a {...common} href={pictureHref(id)} draggable={false}>
          {inside}
        </a>
      ) : (
        <button {...common} type="button" aria-pressed={selected} onClick={(event) => onPress(id, event.shiftKey)}>
          {inside}
        </button>
      )}
    </li>
  );
});
