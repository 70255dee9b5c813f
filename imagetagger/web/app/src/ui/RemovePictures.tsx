import { useState } from "preact/hooks";
import type { PictureId } from "../api";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Dialog } from "./Dialog";
import dialogStyles from "./Dialog.module.css";
import { useWords } from "./language";
import styles from "./RemovePictures.module.css";

interface Props {
  pictures: readonly PictureId[];
  onDone(): void;
  onClose(): void;
}

/** Asks before pictures are removed, and whether to forget their lessons. */
export function RemovePictures({ pictures, onDone, onClose }: Props) {
  const { engine, library, change } = useApp();
  const { app, picture: words } = useWords();
  const [forget, setForget] = useState(false);
  const taught = pictures.filter((id) => (library.pictures.get(id)?.tags.length ?? 0) > 0).length;
  const remove = () => {
    onClose();
    onDone();
    void change(engine.remove([...pictures], forget));
  };
  return (
    <Dialog title={words.removeTitle(pictures.length)} onClose={onClose}>
      <p>{words.removeText(pictures.length, forget ? 0 : taught)}</p>
      {taught > 0 && (
        <label class={styles.option}>
          <input type="checkbox" checked={forget} onChange={(event) => setForget(event.currentTarget.checked)} />
          {words.alsoForget(taught)}
        </label>
      )}
      <footer class={dialogStyles.actions}>
        <button type="button" class={controls.button} onClick={onClose}>
          {app.cancel}
        </button>
        <button type="button" class={`${controls.button} ${controls.danger}`} onClick={remove}>
          {words.removeYes}
        </button>
      </footer>
    </Dialog>
  );
}
