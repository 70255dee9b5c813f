import { useState } from "preact/hooks";
import type { PictureId } from "../api";
import { useApp } from "./context";
import { Dialog } from "./Dialog";
import * as words from "./words";

interface Props {
  pictures: readonly PictureId[];
  onDone(): void;
  onClose(): void;
}

/** Asks before pictures are removed, and whether to forget their lessons. */
export function RemovePictures({ pictures, onDone, onClose }: Props) {
  const { engine, library, act } = useApp();
  const [forget, setForget] = useState(false);
  const taught = pictures.filter((id) => (library.pictures.get(id)?.tags.length ?? 0) > 0).length;
  const title = `Remove ${words.many(pictures.length, "picture")}?`;
  const remove = () => {
    onClose();
    onDone();
    void act(engine.remove([...pictures], forget), `Removed ${words.many(pictures.length, "picture")}`, true);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{words.removePictures(pictures.length, forget ? 0 : taught)}</p>
      {taught > 0 && (
        <label class="option-line">
          <input type="checkbox" checked={forget} onChange={(event) => setForget(event.currentTarget.checked)} />
          Also forget what {taught === 1 ? "it" : "they"} taught
        </label>
      )}
      <footer class="actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="button danger" onClick={remove}>
          Remove
        </button>
      </footer>
    </Dialog>
  );
}
