import { memo } from "preact/compat";
import type { Engine, PictureId } from "../api";
import { useBlobUrl } from "./blobs";
import type { Certainty } from "./certainty";
import { Icon } from "./Icon";
import { pictureHref } from "./route";
import styles from "./Tile.module.css";

/** How certain the words under a picture are; nothing is known of an unknown one. */
export type TileKind = Certainty | "unknown";

/** The looks of captions that are not certain. */
const LOOKS: Partial<Record<TileKind, string | undefined>> = {
  likely: styles.likely,
  perhaps: styles.perhaps,
  unknown: styles.perhaps,
};

interface Props {
  id: PictureId;
  /** Its place among all pictures, from 1. */
  position: number;
  count: number;
  label: string;
  /** Of the mark that confirms it with others. */
  tickLabel: string;
  /** Its best tag, or those of the user, as words below it. */
  caption: string | null;
  kind: TileKind;
  /** Null while not selecting. */
  selected: boolean | null;
  /** Whether it will be confirmed with others; null where that is not asked. */
  ticked: boolean | null;
  /** Whether the Tab key reaches it; the arrow keys reach the others. */
  stop: boolean;
  engine: Pick<Engine, "crop">;
  onPress(id: PictureId, range: boolean): void;
  onTick(id: PictureId, isTicked: boolean): void;
}

/** One square of the gallery: a link to the picture, or while selecting a button. */
export const Tile = memo(function Tile(props: Props) {
  const { id, position, count, label, tickLabel, caption, kind, selected, ticked, stop, engine, onPress, onTick } =
    props;
  const url = useBlobUrl(() => engine.crop(id), id);
  const isPlain = selected === null && ticked === null;
  const press = (event: MouseEvent | KeyboardEvent) => {
    if (selected === null) return;
    event.preventDefault();
    onPress(id, event.shiftKey);
  };
  return (
    <li
      class={ticked === false ? `${styles.tile} ${styles.doubted}` : styles.tile}
      aria-posinset={position}
      aria-setsize={count}
    >
      {/* The same element in both cases: a finger that selects it must not lose it. */}
      <a
        data-id={id}
        tabIndex={stop ? 0 : -1}
        aria-label={label}
        href={pictureHref(id)}
        draggable={false}
        {...(selected === null ? {} : { role: "button" as const, "aria-pressed": selected })}
        onClick={press}
        onKeyDown={(event) => event.key === " " && press(event)}
      >
        {url && <img src={url} alt="" decoding="async" draggable={false} />}
        {kind === "confirmed" && isPlain && (
          <span class={`${styles.badge} ${styles.sure}`}>
            <Icon name="check" />
          </span>
        )}
        {kind === "unknown" && isPlain && <span class={`${styles.badge} ${styles.unsure}`}>?</span>}
        {selected !== null && <span class={`${styles.badge} ${styles.pick}`}>{selected && <Icon name="check" />}</span>}
        {caption !== null && (
          <span class={`${styles.caption} ${LOOKS[kind] ?? ""}`} dir="auto">
            {caption}
          </span>
        )}
      </a>
      {ticked !== null && (
        <button
          type="button"
          class={styles.tick}
          aria-pressed={ticked}
          aria-label={tickLabel}
          tabIndex={stop ? 0 : -1}
          onClick={() => onTick(id, !ticked)}
        >
          <span class={`${styles.badge} ${styles.pick}`}>{ticked && <Icon name="check" />}</span>
        </button>
      )}
    </li>
  );
});
