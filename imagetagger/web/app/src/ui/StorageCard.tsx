import { useEffect, useRef, useState } from "preact/hooks";
import type { StorageView } from "../api";
import { UserError } from "../format/problems";
import cardStyles from "./Card.module.css";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";
import styles from "./StorageCard.module.css";

/** How much room the app takes, and whether the browser keeps it. */
export function StorageCard() {
  const { engine, library, act } = useApp();
  const { settings } = useWords();
  const [view, setView] = useState<StorageView | null>(null);
  const [requests, setRequests] = useState(0);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let over = false;
    engine.storage().then(
      (storage) => over || setView(storage),
      () => {},
    );
    return () => {
      over = true;
    };
  }, [engine, requests, library.order.length]);
  const share = view?.used && view.quota ? Math.min(1, view.used / view.quota) : 0;
  useEffect(() => bar.current?.style.setProperty("--share", String(share)), [share]);
  const persist = async () => {
    const isPersisted = await act(navigator.storage.persist());
    setRequests(requests + 1);
    if (isPersisted === false) void act(Promise.reject(new UserError({ kind: "persistenceRefused" })));
  };
  return (
    <section class={cardStyles.card} aria-labelledby="storage">
      <h2 id="storage">{settings.storage}</h2>
      <div ref={bar} class={styles.bar} />
      <p class="quiet">{view === null ? "\u00a0" : settings.used(view.used, view.quota)}</p>
      <p class={styles.persistence}>{view === null ? "\u00a0" : settings[persistence(view)]}</p>
      {view !== null && view.persisted !== true && window.isSecureContext && (
        <button type="button" class={controls.button} onClick={() => void persist()}>
          <Icon name="lock" />
          {settings.persist}
        </button>
      )}
    </section>
  );
}

/** Whether the browser may delete what was taught, and whether installing the app would help. */
function persistence({ persisted }: StorageView): "persisted" | "notPersisted" | "notInstallable" {
  if (persisted === true) return "persisted";
  return window.isSecureContext ? "notPersisted" : "notInstallable";
}
