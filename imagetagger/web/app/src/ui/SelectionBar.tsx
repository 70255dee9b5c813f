import { useEffect, useState } from "preact/hooks";
import type { PictureId } from "../api";
import { refocus } from "./attention";
import { useApp } from "./context";
import { Icon } from "./Icon";
import { RemovePictures } from "./RemovePictures";
import { TeachDialog } from "./TeachDialog";
import * as words from "./words";

/** The actions on selected pictures. */
export function SelectionBar({ ids, selected }: { ids: readonly PictureId[]; selected: ReadonlySet<PictureId> }) {
  const { dispatch } = useApp();
  const [asks, setAsks] = useState<"teach" | "remove" | null>(null);
  const all = ids.every((id) => selected.has(id));
  const end = () => dispatch({ type: "select", selected: null });
  const close = () => setAsks(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]") !== null) return;
      dispatch({ type: "select", selected: null });
      refocus(".grid [tabindex='0']"); // the square that had it became a link
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [dispatch]);
  return (
    <section class="selection" aria-label="Selection">
      <span class="grow" role="status">
        {words.selected(selected.size)}
      </span>
      <button
        type="button"
        class="button small quiet"
        onClick={() => dispatch({ type: "select", selected: new Set(all ? [] : ids) })}
      >
        {all ? "None" : "All"}
      </button>
      <button type="button" class="button small quiet" disabled={selected.size === 0} onClick={() => setAsks("remove")}>
        <span class="no-phone">
          <Icon name="trash" />
        </span>
        Remove
      </button>
      <button
        type="button"
        class="button small primary"
        disabled={selected.size === 0}
        onClick={() => setAsks("teach")}
      >
        <span class="no-phone">
          <Icon name="tag" />
        </span>
        Tag these
      </button>
      {asks === "teach" && <TeachDialog pictures={[...selected]} onDone={end} onClose={close} />}
      {asks === "remove" && <RemovePictures pictures={[...selected]} onDone={end} onClose={close} />}
    </section>
  );
}
