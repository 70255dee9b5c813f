import { useLayoutEffect, useRef } from "preact/hooks";
import type { PictureView } from "../api";
import { useBlobUrl } from "./blobs";
import { useApp } from "./context";
import { useKeys } from "./keys";
import { useWords } from "./language";
import { useZoom } from "./zoom";

/** The picture, in a box of its shape from the start. */
export function Preview({ picture }: { picture: PictureView }) {
  const { engine } = useApp();
  const words = useWords().picture;
  const { id, width, height } = picture;
  const box = useRef<HTMLDivElement>(null);
  const url = useBlobUrl(async () => (await engine.preview(id)) ?? engine.crop(id), id);
  useLayoutEffect(() => {
    box.current?.style.setProperty("--ratio", String(Math.max(width, 1) / Math.max(height, 1)));
    box.current?.style.setProperty("--own", `${width}px`);
  }, [width, height]);
  const zoom = useZoom(box);
  useKeys({ "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": () => zoom(0) });
  return (
    <div ref={box} class="frame">
      {url && <img key={url} src={url} alt={picture.name} draggable={false} />}
      {url === null && <p>{words.notStored}</p>}
    </div>
  );
}
