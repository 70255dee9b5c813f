import type { Action } from "./state";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/**
 * Dispatches the browser's offer to install the app, new versions, and readiness for offline use.
 *
 * @param opened the first opening, also a failed one: the service worker would compete with it for the network.
 */
export function watchBrowser(dispatch: (action: Action) => void, opened: Promise<void>): void {
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    const install = async () => {
      await (event as InstallPrompt).prompt();
      dispatch({ type: "install", install: null });
    };
    dispatch({ type: "install", install });
  });
  window.addEventListener("appinstalled", () => dispatch({ type: "install", install: null }));
  const impossible = () => dispatch({ type: "offline", offline: "impossible" }); // the app works, online
  if ("serviceWorker" in navigator) void opened.then(() => watchVersions(dispatch)).catch(impossible);
  else impossible();
}

let isRequested = false;

/** Requests persistent storage, once per page; some browsers ask the user. */
export function requestPersistence(): void {
  if (isRequested || !window.isSecureContext) return;
  isRequested = true;
  void navigator.storage?.persist?.().catch(() => {}); // the storage card shows the result
}

async function watchVersions(dispatch: (action: Action) => void): Promise<void> {
  const registration = await navigator.serviceWorker.register("./sw.js");
  void navigator.serviceWorker.ready.then(() => dispatch({ type: "offline", offline: "ready" }));
  const offer = (waiting: ServiceWorker) => {
    if (navigator.serviceWorker.controller === null) return; // the first version is nothing new
    const update = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => window.location.reload(), { once: true });
      waiting.postMessage({ type: "SKIP_WAITING" });
    };
    dispatch({ type: "update", update });
  };
  if (registration.waiting !== null) offer(registration.waiting);
  const follow = () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => {
      if (coming.state === "installed") offer(coming);
    });
  };
  follow(); // a new version may have arrived while the app opened
  registration.addEventListener("updatefound", follow);
}
