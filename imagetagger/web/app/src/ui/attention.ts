import { useState } from "preact/hooks";

/** Milliseconds in which a press is the second one of what brought something up. */
const DOUBLE_CLICK = 400;

/** Tells the presses that come so soon after the component that they were not meant for it. */
export function useTooSoon(): (event: Event) => boolean {
  const [came] = useState(() => performance.now());
  return (event) => event.timeStamp - came <= DOUBLE_CLICK;
}

/** Once what had the focus is gone, gives it to the first that the selector finds. */
export function refocus(selector: string): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
  });
}
