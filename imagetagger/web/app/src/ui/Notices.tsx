import { useEffect, useState } from "preact/hooks";
import type { Progress as Work } from "../api";
import { countsOf } from "./adding";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Dialog } from "./Dialog";
import dialogStyles from "./Dialog.module.css";
import { useWords } from "./language";
import styles from "./Notices.module.css";
import type { Toast } from "./state";

interface Props {
  toast: Toast | null;
  onUndo(step: number): void;
  onClose(): void;
}

/** The last notice, in two live regions that always exist, so that screen readers announce it. */
export function Toasts({ toast, onUndo, onClose }: Props) {
  const words = useWords();
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
      class={styles.toast}
      onMouseEnter={() => setPaused(true)}
      onMouseLeave={() => setPaused(false)}
      onFocusIn={() => setPaused(true)}
      onFocusOut={() => setPaused(false)}
    >
      <span class={styles.text} dir="auto">
        {typeof toast.text === "string" ? toast.text : words.step(toast.text)}
      </span>
      {undo !== null && (
        <button type="button" class={styles.button} onClick={() => onUndo(undo)}>
          {words.app.undo}
        </button>
      )}
      {toast.kind === "alert" && (
        <button type="button" class={styles.button} onClick={onClose}>
          {words.app.ok}
        </button>
      )}
    </div>
  );
  return (
    <div class={styles.toasts}>
      <div role="status">{toast?.kind === "status" && shown}</div>
      <div role="alert">{toast?.kind === "alert" && shown}</div>
    </div>
  );
}

/** The progress of long work, and a button to cancel it. */
export function Progress({ work, onCancel }: { work: Work; onCancel?: () => void }) {
  const { app } = useWords();
  const [ending, setEnding] = useState(false);
  const what = app.progress(work);
  return (
    <section class={styles.progress} aria-label={what}>
      <span class="clip grow" dir="auto">
        {what}
      </span>
      <span class={styles.numbers}>{app.progressCount(work.done, work.total)}</span>
      {onCancel && (
        <button
          type="button"
          class={`${controls.button} ${controls.small} ${controls.quiet}`}
          disabled={ending}
          onClick={() => {
            setEnding(true);
            onCancel();
          }}
        >
          {app.cancel}
        </button>
      )}
      <progress aria-label={what} value={work.done} max={Math.max(work.total, 1)} />
    </section>
  );
}

/** What became of added files, if some were refused. */
export function Summary() {
  const { state, dispatch } = useApp();
  const words = useWords();
  const summary = state.summary;
  if (summary === null) return null;
  const close = () => dispatch({ type: "summary", summary: null });
  return (
    <Dialog title={words.gallery.added(countsOf(summary))} onClose={close}>
      <p class="quiet">{words.gallery.refused(summary.refused.length)}</p>
      <ul class={styles.refused}>
        {summary.refused.map(({ name, problem }, i) => (
          <li key={i}>
            <b class="clip" dir="auto">
              {name}
            </b>
            <span dir="auto">{words.problem(problem)}</span>
          </li>
        ))}
      </ul>
      <footer class={dialogStyles.actions}>
        <button type="button" class={`${controls.button} ${controls.primary} grow`} onClick={close}>
          {words.app.ok}
        </button>
      </footer>
    </Dialog>
  );
}
