/** Pictures that come from outside of the page: shared by another app, or opened with this one. */

import { useEffect } from "preact/hooks";
import type { Incoming } from "../api";
import { chosen } from "./dropping";
import { dropShared, readShared } from "./shared_files";

/** Files that the system opens with the app, as Chromium hands them over. */
interface LaunchQueue {
  setConsumer(take: (launched: { files?: readonly FileSystemFileHandle[] }) => void): void;
}

type Take = (files: Promise<readonly Incoming[]>) => Promise<void>;

/**
 * Lets other apps share pictures with this one, once a service worker receives them.
 *
 * A browser posts what is shared to the app's address: without a service worker it would leave the device.
 */
export function offerSharing(): void {
  if (!navigator.serviceWorker?.controller) return;
  const link = document.querySelector<HTMLLinkElement>("link[rel=manifest]");
  if (link) link.href = "./manifest-share.webmanifest";
}

/** Adds what was shared or opened, once the app is open. */
export function useReceived(isOpen: boolean, take: Take): void {
  useEffect(() => {
    if (!isOpen) return;
    void takeShared(take);
    const queue = (window as { launchQueue?: LaunchQueue }).launchQueue;
    queue?.setConsumer(({ files = [] }) => {
      if (files.length > 0) void take(Promise.all(files.map((handle) => handle.getFile())).then(chosen));
    });
  }, [isOpen]);
}

/** Adds shared files, once: they are forgotten when they were added, so that a page that is closed before loses none. */
async function takeShared(take: Take): Promise<void> {
  const base = new URL("./", window.location.href).href;
  const isExpected = new URLSearchParams(window.location.search).has("shared");
  if (isExpected) window.history.replaceState(null, "", base + window.location.hash);
  const files = await readShared(base);
  if (files.length === 0 && !isExpected) return;
  await take(Promise.resolve(chosen(files)));
  await dropShared(base);
}
