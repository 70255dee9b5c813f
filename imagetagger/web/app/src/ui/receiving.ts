/** Pictures that come from outside of the page: shared by another app, or opened with this one. */

import { useEffect, useRef } from "preact/hooks";
import type { Added, Incoming } from "../api";
import { chosen } from "./dropping";
import { dropShared, readShared, type Shared } from "./shared_files";

/** Files that the system opens with the app, as Chromium hands them over. */
interface LaunchQueue {
  setConsumer(take: (launched: { files?: readonly FileSystemFileHandle[] }) => void): void;
}

/** Adds files; returns what became of them, undefined where they could not be added. */
type Take = (files: Promise<readonly Incoming[]>) => Promise<Added | undefined>;

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

/**
 * Adds what was shared or opened, once the app is open.
 *
 * @param onIncomplete called after an addition of shared files that did not all arrive.
 */
export function useReceived(isOpen: boolean, take: Take, onIncomplete: () => void): void {
  const latest = useRef({ take, onIncomplete });
  latest.current = { take, onIncomplete }; // those of the language that is chosen by then
  useEffect(() => {
    if (!isOpen) return;
    const take: Take = (files) => latest.current.take(files);
    void takeShared(take, () => latest.current.onIncomplete());
    const queue = (window as { launchQueue?: LaunchQueue }).launchQueue;
    queue?.setConsumer(({ files = [] }) => {
      if (files.length > 0) void take(Promise.all(files.map((handle) => handle.getFile())).then(chosen));
    });
  }, [isOpen]);
}

/** Adds shared files, and forgets those that need not be added again: a page that closes before, or a full device, loses none. */
async function takeShared(take: Take, onIncomplete: () => void): Promise<void> {
  const base = new URL("./", window.location.href).href;
  const share = new URLSearchParams(window.location.search).get("shared");
  if (share !== null) window.history.replaceState(null, "", base + window.location.hash);
  const shared = await readShared(base);
  const isIncomplete = share === "incomplete";
  if (shared.length > 0 || (share !== null && !isIncomplete)) {
    const result = await take(Promise.resolve(chosen(shared.map(({ file }) => file))));
    if (result) await dropShared(base, done(shared, result));
  }
  if (isIncomplete) onIncomplete();
}

/** Shared files that were added, were here already, or are no pictures. */
function done(shared: readonly Shared[], { left }: Added): Shared[] {
  const later = new Set(left);
  return shared.filter((_, i) => !later.has(i));
}
