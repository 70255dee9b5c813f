import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { refocus, useTooSoon } from "./attention";
import { useApp } from "./context";
import controls from "./controls.module.css";
import styles from "./Dialog.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";

/** A modal dialog: a sheet from below on phones, a card elsewhere; Escape and a press beside it close it. */
export function Dialog({ title, onClose, children }: { title: string; onClose(): void; children: ComponentChildren }) {
  const { app } = useWords();
  const id = useId();
  const { state, dispatch } = useApp();
  const { toast } = state;
  const [before] = useState(toast);
  const [failure, setFailure] = useState<string | null>(null);
  const [failures, setFailures] = useState(0); // the same words again are heard again
  useLayoutEffect(() => {
    if (toast === before || toast?.kind !== "alert" || typeof toast.text !== "string") return;
    setFailures((count) => count + 1);
    setFailure(toast.text); // outside it could be neither read nor pressed
    dispatch({ type: "toast", toast: null });
  }, [toast, before, dispatch]);
  const dialog = useRef<HTMLDialogElement>(null);
  const isTooSoon = useTooSoon();
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    (element?.querySelector<HTMLElement>("[data-first]") ?? element?.querySelector("h2"))?.focus();
    return () => {
      element?.close(); // gives the focus back to where it came from
      refocus("main h1"); // where that is gone, as a deleted tag is
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, and so does the button
    <dialog
      ref={dialog}
      class={styles.dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current && !isTooSoon(event)) onClose(); // beside it
      }}
    >
      <div class={styles.body}>
        <header class={styles.head}>
          <h2 id={id} dir="auto" tabIndex={-1}>
            {title}
          </h2>
          <button type="button" class={controls.round} aria-label={app.close} onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class={styles.errors} role="alert">
          {failure && (
            <p key={failures} class={styles.error} dir="auto">
              {failure}
            </p>
          )}
        </div>
        {children}
      </div>
    </dialog>
  );
}

/** Asks before something is done. */
export function Ask(props: {
  title: string;
  text: string;
  yes: string;
  danger?: boolean;
  onYes(): void;
  onClose(): void;
}) {
  const { app } = useWords();
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <p dir="auto">{props.text}</p>
      <footer class={styles.actions}>
        <button type="button" class={controls.button} onClick={props.onClose}>
          {app.cancel}
        </button>
        <button
          type="button"
          class={`${controls.button} ${props.danger === false ? controls.primary : controls.danger}`}
          onClick={() => {
            props.onClose();
            props.onYes();
          }}
        >
          {props.yes}
        </button>
      </footer>
    </Dialog>
  );
}
