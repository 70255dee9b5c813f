import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

/** How a picture is enlarged in its box: its scale, and where its corner is, in pixels. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

/** A point of the box, or its size, in pixels. */
interface Point {
  x: number;
  y: number;
}

/** The zoom by keys. */
interface Zoom {
  /** Whether only a part of the picture is shown now. */
  isZoomed(): boolean;
  zoom(factor: number): void;
  /** Shows the part beside it: by shares of the box to the right and down. */
  look(right: number, down: number): void;
}

/** All of the picture. */
export const WHOLE: View = { scale: 1, x: 0, y: 0 };

const MAX_SCALE = 8;
const DOUBLE = 2.5;

/** The view after a change of scale that leaves a point of the picture where it is. */
export function zoomAt(view: View, factor: number, { x, y }: Point, box: Point): View {
  const scale = Math.min(MAX_SCALE, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  return within({ scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio }, box);
}

/** The view moved, as far as the picture still fills its box. */
export function moved(view: View, by: Point, box: Point): View {
  return within({ ...view, x: view.x + by.x, y: view.y + by.y }, box);
}

function within({ scale, x, y }: View, box: Point): View {
  const inside = (at: number, size: number) => Math.min(0, Math.max(size * (1 - scale), at));
  return { scale, x: inside(x, box.x), y: inside(y, box.y) };
}

/**
 * Enlarges the picture in a box by wheel, pinch or double click, and moves it; returns functions that do so by keys.
 *
 * The box gets the custom properties --zoom, --x and --y, and data-zoomed while it shows a part.
 */
export function useZoom(box: RefObject<HTMLElement | null>): Zoom {
  const keys = useRef<Zoom | null>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    let view = WHOLE;
    const fingers = new Map<number, Point>();
    const show = (next: View) => {
      view = next;
      element.style.setProperty("--zoom", String(view.scale));
      element.style.setProperty("--x", `${view.x}px`);
      element.style.setProperty("--y", `${view.y}px`);
      element.toggleAttribute("data-zoomed", view.scale > 1);
    };
    const size = () => ({ x: element.clientWidth, y: element.clientHeight });
    const pointOf = (event: MouseEvent): Point => {
      const { left, top } = element.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    const onWheel = (event: WheelEvent) => {
      const scrolls = view.scale === 1 && !event.ctrlKey && event.deltaY < 0 && window.scrollY > 0;
      if (scrolls) return; // back to the top of the page
      const next = zoomAt(view, Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), pointOf(event), size());
      if (next.scale === view.scale) return; // the page scrolls
      event.preventDefault();
      show(next);
    };
    const onDouble = (event: MouseEvent) => show(view.scale > 1 ? WHOLE : zoomAt(view, DOUBLE, pointOf(event), size()));
    const onDown = (event: PointerEvent) => {
      if (event.button !== 0) return;
      fingers.set(event.pointerId, pointOf(event));
      if (fingers.size > 1 || view.scale > 1) element.setPointerCapture(event.pointerId);
    };
    const onMove = (event: PointerEvent) => {
      if (event.buttons === 0) fingers.delete(event.pointerId); // it was released elsewhere
      const before = fingers.get(event.pointerId);
      if (before === undefined) return;
      const now = pointOf(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      fingers.set(event.pointerId, now);
      if (other !== undefined) {
        const apart = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y);
        const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
        show(zoomAt(view, apart(now) / Math.max(apart(before), 1), middle, size()));
      } else if (view.scale > 1) show(moved(view, { x: now.x - before.x, y: now.y - before.y }, size()));
    };
    const onUp = (event: PointerEvent) => void fingers.delete(event.pointerId);
    const listening = new AbortController();
    const { signal } = listening;
    element.addEventListener("wheel", onWheel, { passive: false, signal });
    element.addEventListener("dblclick", onDouble, { signal });
    element.addEventListener("pointerdown", onDown, { signal });
    element.addEventListener("pointermove", onMove, { signal });
    for (const end of ["pointerup", "pointercancel"] as const) element.addEventListener(end, onUp, { signal });
    show(WHOLE);
    keys.current = {
      isZoomed: () => view.scale > 1,
      zoom: (factor) => {
        const { x, y } = size();
        show(zoomAt(view, factor, { x: x / 2, y: y / 2 }, { x, y }));
      },
      look: (right, down) => {
        const { x, y } = size();
        show(moved(view, { x: -right * x, y: -down * y }, { x, y }));
      },
    };
    return () => listening.abort();
  }, [box]);
  return useMemo(
    () => ({
      isZoomed: () => keys.current?.isZoomed() === true,
      zoom: (factor) => keys.current?.zoom(factor),
      look: (right, down) => keys.current?.look(right, down),
    }),
    [],
  );
}
