/** Pictures that come from outside of the page: shared by another app, opened with this one, or left by the camera. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Added, Incoming } from "../api";
import { chosen } from "./dropping";
import { dropFiles, readFiles, type WaitingFile } from "./waiting_files";

/** Files that the system opens with the app, as Chromium hands them over. */
interface LaunchQueue {
  setConsumer(take: (launched: { files?: readonly FileSystemFileHandle[] }) => void): void;
}

/** Shared pictures, about which the user is asked: a web page can share some too. */
export interface Offer {
  count: number;
  add(): void;
  /** Forgets them. */
  refuse(): void;
  /** Leaves them for the next opening. */
  postpone(): void;
}

/** Adds files; returns what became of them, undefined where they could not be added. */
type Add = (files: readonly Incoming[]) => Promise<Added | undefined>;

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

/** Returns the name of the cache of shared files (see share_target.ts), or of those that the camera took. */
export function cacheNameOf(source: "share" | "camera"): string {
  return new URL(`./${source}`, window.location.href).href;
}

/** Adds files of a cache, and forgets those that need not be added again: a page that closes before, or a full device, loses none. */
export async function addWaiting(cacheName: string, waiting: readonly WaitingFile[], add: Add): Promise<void> {
  const result = await add(chosen(waiting.map(({ file }) => file)));
  if (result === undefined) return;
  const later = new Set(result.left); // others were added, were here already, or are no pictures
  await dropFiles(
    cacheName,
    waiting.filter((_, i) => !later.has(i)),
  );
}

/**
 * Adds what was opened with the app, or taken before it closed, once it is open; returns what was shared, until the user
 * says what becomes of it.
 *
 * @param take adds files, and says where there are none.
 * @param onIncomplete called where shared files did not all arrive, after what became of the others.
 */
export function useReceived(
  isOpen: boolean,
  take: (files: Promise<readonly Incoming[]>) => Promise<Added | undefined>,
  onIncomplete: () => void,
): Offer | null {
  const [offer, setOffer] = useState<Offer | null>(null);
  const latest = useRef({ take, onIncomplete });
  latest.current = { take, onIncomplete }; // those of the language that is chosen by then
  useEffect(() => {
    if (!isOpen) return;
    const add: Add = (files) => latest.current.take(Promise.resolve(files));
    const onShared = (shared: WaitingFile[], isIncomplete: boolean) => {
      const name = cacheNameOf("share");
      const close = async (end?: Promise<void>) => {
        setOffer(null);
        await end;
        if (isIncomplete) latest.current.onIncomplete();
      };
      setOffer({
        count: shared.length,
        add: () => void close(addWaiting(name, shared, add)),
        refuse: () => void close(dropFiles(name, shared)),
        postpone: () => void close(),
      });
    };
    void takeWaiting(add, onShared, () => latest.current.onIncomplete());
    const queue = (window as { launchQueue?: LaunchQueue }).launchQueue;
    queue?.setConsumer(({ files = [] }) => {
      if (files.length > 0) void latest.current.take(Promise.all(files.map((handle) => handle.getFile())).then(chosen));
    });
  }, [isOpen]);
  return offer;
}

/** Adds what the camera left, and hands on what was shared. */
async function takeWaiting(
  add: Add,
  onShared: (shared: WaitingFile[], isIncomplete: boolean) => void,
  onIncomplete: () => void,
): Promise<void> {
  const [shared, taken] = [cacheNameOf("share"), cacheNameOf("camera")];
  const share = new URLSearchParams(window.location.search).get("shared");
  if (share !== null) window.history.replaceState(null, "", window.location.pathname + window.location.hash);
  const left = await readFiles(taken);
  if (left.length > 0) await addWaiting(taken, left, add);
  const files = await readFiles(shared);
  const isIncomplete = share === "incomplete";
  if (files.length > 0) onShared(files, isIncomplete);
  else if (isIncomplete) onIncomplete();
  else if (share !== null) await add([]); // says that there are none
}
