import { useEffect, useId, useRef, useState } from "preact/hooks";
import styles from "./Combobox.module.css";
import controls from "./controls.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";

/** One entry of the list. */
export interface Choice {
  key: string;
  label: string;
  /** A few words beside it. */
  detail?: string;
  /** Whether it makes something new. */
  fresh?: boolean;
}

interface Props {
  label: string;
  placeholder?: string;
  text: string;
  choices: readonly Choice[];
  /** Whether Enter picks the first choice without the arrow keys. */
  eager: boolean;
  search?: boolean;
  /** Whether a dialog gives it the focus. */
  first?: boolean;
  onText(text: string): void;
  onPick(choice: Choice): void;
  /** Called on Enter where that picks nothing. */
  onEnter?(): void;
}

/** A field with a list of choices, by the pattern "editable combobox with list autocomplete" of ARIA's APG. */
export function Combobox(props: Props) {
  const { label, placeholder, text, choices, eager, search, first: isFirst, onText, onPick, onEnter } = props;
  const { gallery } = useWords();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [expanded, setExpanded] = useState(false);
  const [above, setAbove] = useState(false);
  const [at, setAt] = useState(-1);
  const open = expanded && choices.length > 0;
  const first = eager && text.trim() !== "" ? 0 : -1;
  const active = open ? Math.min(at < 0 ? first : at, choices.length - 1) : -1;
  const show = () => {
    const box = input.current?.getBoundingClientRect();
    setAbove(box !== undefined && window.innerHeight - box.bottom < 280 && box.top > 300);
    setExpanded(true);
  };
  const pick = (choice: Choice | undefined) => {
    if (choice === undefined) return;
    setExpanded(false);
    setAt(-1);
    onPick(choice);
  };
  const step = (by: number) => {
    show();
    setAt((active + by + choices.length) % Math.max(1, choices.length));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(active < 0 ? 0 - (active + 1) : -1);
    else if (event.key === "Enter" && open && active >= 0) pick(choices[active]);
    else if (event.key === "Escape" && open) setExpanded(false);
    else if (event.key === "Escape" && text !== "") onText("");
    else {
      if (event.key === "Enter") onEnter?.();
      if (event.key === "Enter") setExpanded(false);
      return;
    }
    event.preventDefault();
  };
  useEffect(() => {
    if (active >= 0) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [active, id]);
  return (
    <div class={above ? `${styles.combobox} ${styles.above}` : styles.combobox}>
      {search && <Icon name="search" />}
      <input
        ref={input}
        {...(isFirst ? { "data-first": "" } : {})}
        class={search ? `${controls.input} ${styles.search}` : controls.input}
        type="text"
        role="combobox"
        aria-label={label}
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        {...(active >= 0 ? { "aria-activedescendant": `${id}-${active}` } : {})}
        placeholder={placeholder ?? label}
        value={text}
        dir="auto"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        enterkeyhint={search ? "search" : "done"}
        onInput={(event) => {
          onText(event.currentTarget.value);
          setAt(-1);
          show();
        }}
        onKeyDown={onKeyDown}
        onFocus={show}
        onClick={show}
        onBlur={() => setExpanded(false)}
      />
      {search && text !== "" && (
        <button type="button" class={styles.clear} aria-label={gallery.clearSearch} onClick={() => onText("")}>
          <Icon name="close" />
        </button>
      )}
      <div id={`${id}-list`} class={styles.listbox} role="listbox" aria-label={label} hidden={!open}>
        {choices.map((choice, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys go to the field
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field, by aria-activedescendant
          <div
            key={choice.key}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === active}
            class={choice.fresh ? `${styles.option} ${styles.fresh}` : styles.option}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => pick(choice)}
          >
            <span class="clip" dir="auto">
              {choice.label}
            </span>
            {choice.detail && <small>{choice.detail}</small>}
          </div>
        ))}
      </div>
    </div>
  );
}
