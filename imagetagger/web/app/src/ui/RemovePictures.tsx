import { useState } from "preact/hooks";
import type { PictureId } from "../api";
import { useApp } from "./context";
import { Dialog } from "./Dialog";
import { useWords } from "./language";

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
        <label class="option-line">
          <input type="checkbox" checked={forget} onChange={(event) => setForget(event.currentTarget.checked)} />
          {words.alsoForget(taught)}
        </label>
      )}
      <footer class="actions">
        <button type="button" class="button" onClick={onClose}>
          {app.cancel}
        </button>
        <button type="button" class="button danger" onClick={remove}>
          {words.removeYes}
        </button>
      </footer>
    </Dialog>
  );
}
