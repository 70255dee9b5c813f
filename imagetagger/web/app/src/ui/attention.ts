import { useState } from "preact/hooks";

/** Milliseconds in which a second press belongs to a double click. */
const DOUBLE_CLICK = 400;

/** Detects presses so soon after the component appeared that they were meant for what was there before. */
export function useTooSoon(): (event: Pick<Event, "timeStamp">) => boolean {
  const [came] = useState(() => performance.now());
  return (event) => event.timeStamp - came <= DOUBLE_CLICK;
}

/** Moves the focus to the first match of the selector, once the focused element is gone. */
export function refocus(selector: string): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
  });
}
