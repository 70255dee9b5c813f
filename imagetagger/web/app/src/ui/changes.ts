import type { Change } from "../api";

/** Changes on their way to the page. */
export interface Gathered {
  listen(change: Change): void;
  /** Hands on waiting changes now, so that they come before the next action. */
  flush(): void;
}

/** Hands changes on at once, or together if they come faster than every `pause` milliseconds: each one renders. */
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
