import type { Action } from "./state";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/** Hears of new versions of the app and of the browser's offer to install it. */
export function watchBrowser(dispatch: (action: Action) => void): void {
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    const install = async () => {
      await (event as InstallPrompt).prompt();
      dispatch({ type: "install", install: null });
    };
    dispatch({ type: "install", install });
  });
  window.addEventListener("appinstalled", () => dispatch({ type: "install", install: null }));
  if ("serviceWorker" in navigator) void watchVersions(dispatch).catch(() => {}); // without it the app works, online
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
  const offer = (waiting: ServiceWorker) => {
    if (navigator.serviceWorker.controller === null) return; // the first version is nothing new
    const update = () => {
      navigator.serviceWorker.addEventListener("controllerchange", () => window.location.reload(), { once: true });
      waiting.postMessage({ type: "SKIP_WAITING" });
    };
    dispatch({ type: "update", update });
  };
  if (registration.waiting !== null) offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => {
      if (coming.state === "installed") offer(coming);
    });
  });
}
