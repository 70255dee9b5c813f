import type { Change } from "../api";

/** Hands changes on at once, or gathered where they come faster than `pause` milliseconds: a drawing for each costs. */
export function gathered(hand: (changes: readonly Change[]) => void, pause = 120): (change: Change) => void {
  let waiting: Change[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    if (waiting.length === 0) return;
    const changes = waiting;
    waiting = [];
    timer = setTimeout(flush, pause);
    hand(changes);
  };
  return (change) => {
    waiting.push(change);
    if (timer === undefined) flush();
  };
}
