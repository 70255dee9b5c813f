import { useLayoutEffect, useRef } from "preact/hooks";
import type { PictureView } from "../api";
import { useBlobUrl } from "./blobs";
import { useApp } from "./context";
import { useKeys } from "./keys";
import { useWords } from "./language";
import styles from "./Preview.module.css";
import { useZoom } from "./zoom";

/** The share of the box by which an arrow key moves an enlarged picture. */
const STEP = 0.2;

interface Props {
  picture: PictureView;
  /** What the arrow keys do while all of the picture is shown; null where there is no other picture. */
  onPrevious: (() => void) | null;
  onNext: (() => void) | null;
}

/** The picture, in a box of its shape from the start. */
export function Preview({ picture, onPrevious, onNext }: Props) {
  const { engine } = useApp();
  const words = useWords().picture;
  const { id, width, height } = picture;
  const box = useRef<HTMLDivElement>(null);
  const url = useBlobUrl(async () => (await engine.preview(id)) ?? engine.crop(id), id);
  useLayoutEffect(() => {
    box.current?.style.setProperty("--ratio", String(Math.max(width, 1) / Math.max(height, 1)));
    box.current?.style.setProperty("--own", `${width}px`);
  }, [width, height]);
  const { isZoomed, zoom, look } = useZoom(box);
  useKeys(() => ({
    "+": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    "0": () => zoom(0),
    ...(isZoomed()
      ? {
          ArrowLeft: () => look(-STEP, 0),
          ArrowRight: () => look(STEP, 0),
          ArrowUp: () => look(0, -STEP),
          ArrowDown: () => look(0, STEP),
        }
      : { ArrowLeft: onPrevious, ArrowRight: onNext }),
  }));
  return (
    <div ref={box} class={styles.frame}>
      {url && <img key={url} src={url} alt={picture.name} draggable={false} />}
      {url === null && <p>{words.notStored}</p>}
    </div>
  );
}
