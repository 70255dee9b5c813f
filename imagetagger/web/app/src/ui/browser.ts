import type { Action } from "./state";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/**
 * Hears of the browser's offer to install the app, of new versions, and of the app being kept whole.
 *
 * @param opened the first opening, also one that failed: what keeps the app would compete with it for the network.
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

let asked = false;

/** Asks the browser, once while the page is open, not to evict what was taught; some ask the user. */
export function askToKeep(): void {
  if (asked || !window.isSecureContext) return;
  asked = true;
  void navigator.storage?.persist?.().catch(() => {}); // the storage card tells what came of it
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
  follow(); // the browser may have found it while the app opened
  registration.addEventListener("updatefound", follow);
}
