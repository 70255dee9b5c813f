import { useMemo, useRef, useState } from "preact/hooks";
import type { PictureId, PictureView } from "../api";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { neighbours, steadyOrder } from "./filter";
import { Icon } from "./Icon";
import { useKeys } from "./keys";
import { useWords } from "./language";
import styles from "./PicturePage.module.css";
import { Preview } from "./Preview";
import { RemovePictures } from "./RemovePictures";
import { goToPicture, pictureHref } from "./route";
import { visible } from "./sections";
import { TagEditor } from "./TagEditor";
import texts from "./texts.module.css";

/** The screen of one picture and its tags. */
export function PicturePage({ id }: { id: PictureId }) {
  const { library } = useApp();
  const words = useWords().picture;
  const picture = library.pictures.get(id);
  if (picture === undefined) {
    return (
      <div class={texts.nothing}>
        <h1 tabIndex={-1}>{words.missing}</h1>
        <a class={controls.button} href="#/">
          {words.all}
        </a>
      </div>
    );
  }
  return <Known picture={picture} />;
}

function Known({ picture }: { picture: PictureView }) {
  const words = useWords().picture;
  const [asks, setAsks] = useState(false);
  const { id } = picture;
  const ids = useSteadyOrder(id);
  const origin = words.origin(picture.taken, picture.folder);
  const { before, after } = neighbours(ids, id);
  useKeys({
    Escape: () => {
      window.location.hash = "#/";
    },
  });
  const swipe = useRef<{ x: number; y: number } | null>(null);
  return (
    <article class={styles.picture}>
      <header class={styles.head}>
        <a class={controls.round} href="#/" aria-label={words.all}>
          <Icon name="left" />
        </a>
        <div class={styles.title}>
          <h1 class="clip" dir="auto" tabIndex={-1} title={picture.name}>
            {picture.name}
          </h1>
          {origin !== "" && (
            <p class="clip quiet" dir="auto">
              {origin}
            </p>
          )}
        </div>
        <span class={`${styles.place} no-phone`}>{words.place(ids.indexOf(id) + 1, ids.length)}</span>
        <Step to={before} label={words.previous} icon="left" />
        <Step to={after} label={words.next} icon="right" />
        <button type="button" class={controls.round} aria-label={words.remove} onClick={() => setAsks(true)}>
          <Icon name="trash" />
        </button>
      </header>
      <div
        class={styles.stage}
        onPointerDown={(event) => {
          swipe.current =
            event.pointerType === "mouse" || !event.isPrimary ? null : { x: event.clientX, y: event.clientY };
        }}
        onPointerUp={(event) => {
          const from = swipe.current;
          swipe.current = null;
          if (from === null) return;
          const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
          const to = dx > 0 ? before : after;
          const isZoomed = event.currentTarget.querySelector("[data-zoomed]") !== null;
          if (!isZoomed && Math.abs(dx) > 56 && Math.abs(dx) > 2 * Math.abs(dy) && to !== undefined)
            goToPicture(to, true);
        }}
      >
        <Preview
          key={id}
          picture={picture}
          onPrevious={before === undefined ? null : () => goToPicture(before, true)}
          onNext={after === undefined ? null : () => goToPicture(after, true)}
        />
      </div>
      <TagEditor key={id} picture={picture} ids={ids} {...(after === undefined ? {} : { after })} />
      {asks && (
        <RemovePictures
          pictures={[id]}
          onDone={() => {
            const to = after ?? before;
            if (to === undefined) window.location.hash = "#/";
            else goToPicture(to, true);
          }}
          onClose={() => setAsks(false)}
        />
      )}
    </article>
  );
}

/** The pictures that the gallery shows, in the order that they had when the user came, and this one. */
function useSteadyOrder(id: PictureId): readonly PictureId[] {
  const { state, library } = useApp();
  const { filter, drafts } = state;
  const before = useRef<readonly PictureId[]>([]);
  const ids = useMemo(
    () => steadyOrder(before.current, visible(library, filter, drafts), id),
    [library.order, library.pictures, library.tags, library.terms, filter, id],
  );
  before.current = ids;
  return ids;
}

function Step({ to, label, icon }: { to: PictureId | undefined; label: string; icon: "left" | "right" }) {
  if (to === undefined) {
    return (
      <button type="button" class={controls.round} aria-label={label} disabled>
        <Icon name={icon} />
      </button>
    );
  }
  const go = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goToPicture(to, true);
  };
  return (
    <a class={controls.round} aria-label={label} href={pictureHref(to)} onClick={go}>
      <Icon name={icon} />
    </a>
  );
}
