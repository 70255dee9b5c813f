import { useLayoutEffect, useRef } from "preact/hooks";
import styles from "./Chips.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";

/** A tag as it is shown: with the tagger's probability, as taught by the user, or as new. */
export interface Chip {
  key: string;
  name: string;
  /** The tagger's, where it suggested it. */
  probability: number | null;
  /** Whether the user taught it. */
  taught: boolean;
  /** Whether the user removed it. */
  struck?: boolean;
}

/** The chip of a name that becomes a tag. */
export function newNameChip(name: string): Chip {
  return { key: `\n${name}`, name, probability: null, taught: false };
}

/** Tags of a picture; each can be removed. */
export function TagChips({ chips, onRemove }: { chips: readonly Chip[]; onRemove(key: string): void }) {
  const { picture } = useWords();
  const { list, leave } = useNextFocus();
  return (
    <ul ref={list} class={styles.chips} aria-label={picture.tagsOfThis} tabIndex={-1}>
      {chips.map(({ key, name, probability, taught }, i) => (
        <li key={key} class={`${styles.chip} ${styles.chosen}`}>
          <span class="clip" dir="auto">
            {name}
          </span>
          <small>{picture.mark(probability, taught)}</small>
          <button
            type="button"
            class={styles.remove}
            aria-label={picture.removeTag(name)}
            onClick={() => {
              leave(i);
              onRemove(key);
            }}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Tags that may be right; a press adds one. */
export function CandidateChips({ chips, onAdd }: { chips: readonly Chip[]; onAdd(key: string): void }) {
  const { picture } = useWords();
  const { list, leave } = useNextFocus();
  return (
    <ul ref={list} class={styles.chips} aria-label={picture.perhaps} tabIndex={-1}>
      {chips.map(({ key, name, probability, struck }, i) => (
        <li key={key}>
          <button
            type="button"
            class={`${styles.chip} ${styles.perhaps} ${struck ? styles.struck : ""}`}
            onClick={() => {
              leave(i);
              onAdd(key);
            }}
          >
            <Icon name="plus" />
            <span class="hidden">{picture.add}</span>
            <span class="clip" dir="auto">
              {name}
            </span>
            {probability !== null && <small>{picture.percent(probability)}</small>}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Moves the focus to the next button of a list, or to the list, when a pressed button disappears. */
function useNextFocus() {
  const list = useRef<HTMLUListElement>(null);
  const left = useRef<number | null>(null);
  useLayoutEffect(() => {
    const at = left.current;
    left.current = null;
    if (at === null || document.activeElement !== document.body) return;
    const buttons = list.current?.querySelectorAll("button") ?? [];
    (buttons[Math.min(at, buttons.length - 1)] ?? list.current)?.focus({ preventScroll: true });
  });
  const leave = (at: number) => {
    left.current = at;
  };
  return { list, leave };
}
