import type { Change } from "../api";

/** Changes on their way to the page. */
export interface Gathered {
  listen(change: Change): void;
  /** Hands on what waits: before something is done that comes after it. */
  flush(): void;
}

/** Hands changes on at once, or together where they come faster than `pause` milliseconds: each is a drawing. */
export function gathered(hand: (changes: readonly Change[]) => void, pause = 120): Gathered {
  let waiting: Change[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const changes = waiting;
    waiting = [];
    timer = setTimeout(flush, pause);
    hand(changes);
  };
  const listen = (change: Change) => {
    waiting.push(change);
    if (timer === undefined) flush();
  };
  return { listen, flush };
}
