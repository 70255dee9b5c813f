import { useMemo, useRef } from "preact/hooks";
import type { PictureId } from "../api";
import type { Proposal } from "./proposals";

/** Milliseconds that a proposal must have been on the page before it is confirmed with others. */
const LOOK = 1000;

/** Says of a picture whether its proposal has been on the page long enough to be seen. */
export type IsSeen = (id: PictureId) => boolean;

/**
 * Watches when proposals come: lessons change those of other pictures at any moment, and a press may come too soon.
 *
 * @param view those that come together with a new view were looked for, and count as seen.
 */
export function useSeen(proposals: ReadonlyMap<PictureId, Proposal>, view: string): IsSeen {
  const last = useRef<{ view: string; since: ReadonlyMap<string, number> } | null>(null);
  return useMemo(() => {
    const now = performance.now();
    const before = last.current?.view === view ? last.current.since : null;
    const keys = new Map(Array.from(proposals, ([id, { tags }]) => [id, [id, ...tags].join("\n")]));
    const since = new Map(Array.from(keys.values(), (key) => [key, before ? (before.get(key) ?? now) : now - LOOK]));
    last.current = { view, since };
    return (id) => performance.now() - (since.get(keys.get(id) ?? "") ?? Number.POSITIVE_INFINITY) >= LOOK;
  }, [proposals, view]);
}
