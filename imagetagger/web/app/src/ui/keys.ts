import { useLayoutEffect, useRef } from "preact/hooks";

/** What keys do, by `KeyboardEvent.key`, lower case after `Ctrl+` (or Command); null leaves the key to the browser. */
export type Keys = Readonly<Record<string, (() => void) | null | undefined>>;

/**
 * Listens to keys that no field, button or dialog needs, while the component is on the page.
 *
 * @param keys a function of keys is called at each press: what they do may change faster than the page is drawn. Where two
 *   components want the same key, either may be the first, so that one of them has to decide.
 */
export function useKeys(keys: Keys | (() => Keys)): void {
  const now = useRef(keys);
  now.current = keys;
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const all = typeof now.current === "function" ? now.current() : now.current;
      const act = all[nameOf(event)];
      if (!act || event.defaultPrevented || isNeeded(event)) return;
      event.preventDefault();
      if (!event.repeat || event.key.startsWith("Arrow")) act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** The name of a key press in `Keys`. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  if (event.altKey) return "";
  if (event.ctrlKey || event.metaKey) return event.shiftKey ? "" : `Ctrl+${event.key.toLowerCase()}`;
  return event.key;
}

/** Whether the focused element, or a dialog, needs the key. */
function isNeeded({ target, key, ctrlKey, metaKey }: KeyboardEvent): boolean {
  if (document.querySelector("dialog[open]") !== null) return true;
  if (!(target instanceof HTMLElement)) return false;
  const isRange = target instanceof HTMLInputElement && target.type === "range";
  if (isRange) return !(ctrlKey || metaKey) && key.startsWith("Arrow");
  if (target.closest("input, textarea, select, [role=listbox]") !== null) return true;
  return key === "Enter" && target.closest("button, a, summary") !== null;
}

/** Moves the focus to the field that searches or names tags. */
export function focusField(): void {
  document.querySelector<HTMLElement>("main input[role=combobox], main input[type=search]")?.focus();
}
