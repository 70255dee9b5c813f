import { useEffect, useRef, useState } from "preact/hooks";
import type { StorageView } from "../api";
import { useApp } from "./context";
import { Icon } from "./Icon";
import * as words from "./words";

/** How much room the app takes, and whether the browser keeps it. */
export function StorageCard() {
  const { engine, library, act } = useApp();
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
    if (isPersisted === false) void act(Promise.reject(new Error(words.persistenceRefused())));
  };
  return (
    <section class="card" aria-labelledby="storage">
      <h2 id="storage">Storage</h2>
      <div ref={bar} class="bar" />
      <p class="quiet storage">{view === null ? "\u00a0" : words.storageUsed(view)}</p>
      <p class="storage-persistence">
        {view === null ? "\u00a0" : words.storagePersistence(view.persisted, window.isSecureContext)}
      </p>
      {view !== null && view.persisted !== true && window.isSecureContext && (
        <button type="button" class="button" onClick={() => void persist()}>
          <Icon name="lock" />
          Ask the browser to keep it
        </button>
      )}
    </section>
  );
}
