import { useEffect, useState } from "preact/hooks";
import type { Progress as Work } from "../api";
import { useApp } from "./context";
import { Dialog } from "./Dialog";
import type { Toast } from "./state";
import * as words from "./words";

interface Props {
  toast: Toast | null;
  onUndo(step: number): void;
  onClose(): void;
}

/** The last notice, in two live regions that always exist, so that screen readers announce it. */
export function Toasts({ toast, onUndo, onClose }: Props) {
  const [isPaused, setPaused] = useState(false);
  useEffect(() => {
    if (toast === null) setPaused(false);
    if (toast === null || isPaused) return;
    const timer = setTimeout(onClose, toast.kind === "alert" ? 12_000 : toast.undo !== null ? 8_000 : 5_000);
    return () => clearTimeout(timer);
  }, [toast, isPaused, onClose]);
  const undo = toast?.undo ?? null;
  const shown = toast && (
    // biome-ignore lint/a11y/noStaticElementInteractions: the pointer over it only pauses its timer
    <div
      class={`toast ${toast.kind}`}
      onMouseEnter={() => setPaused(true)}
      onMouseLeave={() => setPaused(false)}
      onFocusIn={() => setPaused(true)}
      onFocusOut={() => setPaused(false)}
    >
      <span class="toast-text" dir="auto">
        {toast.text}
      </span>
      {undo !== null && (
        <button type="button" class="toast-button" onClick={() => onUndo(undo)}>
          Undo
        </button>
      )}
      {toast.kind === "alert" && (
        <button type="button" class="toast-button" onClick={onClose}>
          OK
        </button>
      )}
    </div>
  );
  return (
    <div class="toasts">
      <div role="status">{toast?.kind === "status" && shown}</div>
      <div role="alert">{toast?.kind === "alert" && shown}</div>
    </div>
  );
}

/** The progress of long work, and a button to cancel it. */
export function Progress({ work, onCancel }: { work: Work; onCancel?: () => void }) {
  const [ending, setEnding] = useState(false);
  return (
    <section class="progress" aria-label={work.what}>
      <span class="clip grow" dir="auto">
        {work.what}
      </span>
      <span class="numbers">{words.progress(work.done, work.total)}</span>
      {onCancel && (
        <button
          type="button"
          class="button small quiet"
          disabled={ending}
          onClick={() => {
            setEnding(true);
            onCancel();
          }}
        >
          Cancel
        </button>
      )}
      <progress aria-label={work.what} value={work.done} max={Math.max(work.total, 1)} />
    </section>
  );
}

/** What became of added files, if some were refused. */
export function Summary() {
  const { state, dispatch } = useApp();
  const summary = state.summary;
  if (summary === null) return null;
  const close = () => dispatch({ type: "summary", summary: null });
  return (
    <Dialog title={words.added(summary)} onClose={close}>
      <p class="quiet">{words.refusedTitle(summary.refused.length)}</p>
      <ul class="refused">
        {summary.refused.map(({ name, why }, i) => (
          <li key={i}>
            <b class="clip" dir="auto">
              {name}
            </b>
            <span dir="auto">{words.sentence(why)}</span>
          </li>
        ))}
      </ul>
      <footer class="actions">
        <button type="button" class="button primary grow" onClick={close}>
          OK
        </button>
      </footer>
    </Dialog>
  );
}
