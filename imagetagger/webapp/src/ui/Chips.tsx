import { Icon } from "./Icon";
import * as words from "./words";

/** A tag as it is shown: with the tagger's probability, as the user's own, or as new. */
export interface Chip {
  key: string;
  name: string;
  probability: number | null;
  /** Only for those that nobody suggests and the user struck out. */
  struck?: boolean;
}

/** Tags that are kept; each can be struck out. */
export function KeptChips({ chips, onRemove }: { chips: readonly Chip[]; onRemove(key: string): void }) {
  return (
    <ul class="chips" aria-label="Tags of this picture">
      {chips.map(({ key, name, probability }) => (
        <li key={key} class="chip kept">
          <span class="clip" dir="auto">
            {name}
          </span>
          <small>{probability === null ? "yours" : words.percent(probability)}</small>
          <button type="button" class="chip-x" aria-label={`Remove ${name}`} onClick={() => onRemove(key)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Tags that may be right; a press takes one. */
export function PerhapsChips({ chips, onAdd }: { chips: readonly Chip[]; onAdd(key: string): void }) {
  return (
    <ul class="chips" aria-label="Perhaps">
      {chips.map(({ key, name, probability, struck }) => (
        <li key={key}>
          <button type="button" class={struck ? "chip perhaps struck" : "chip perhaps"} onClick={() => onAdd(key)}>
            <Icon name="plus" />
            <span class="hidden">Add</span>
            <span class="clip" dir="auto">
              {name}
            </span>
            {probability !== null && <small>{words.percent(probability)}</small>}
          </button>
        </li>
      ))}
    </ul>
  );
}
