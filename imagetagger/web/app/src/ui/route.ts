import { useEffect, useState } from "preact/hooks";
import type { PictureId } from "../api";

/** A screen, as the address names it. */
export type Route = { page: "pictures" | "tags" | "more" } | { page: "picture"; id: PictureId };

/** The screen of an address's hash; an unknown one is the pictures. */
export function parseRoute(hash: string): Route {
  const [page, id] = hash.replace(/^#\/?/, "").split("/");
  if (page === "picture" && id) return { page, id: decode(id) };
  return page === "tags" || page === "more" ? { page } : { page: "pictures" };
}

/** The address of a picture's screen. */
export function pictureHref(id: PictureId): string {
  return `#/picture/${encodeURIComponent(id)}`;
}

/** Goes to a picture; with `replace`, going back leads to the gallery, not to the picture before. */
export function goToPicture(id: PictureId, replace = false): void {
  if (replace) window.location.replace(pictureHref(id));
  else window.location.hash = pictureHref(id);
}

/** The screen of the current address. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(window.location.hash));
  useEffect(() => {
    const follow = () => setRoute(parseRoute(window.location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return route;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
