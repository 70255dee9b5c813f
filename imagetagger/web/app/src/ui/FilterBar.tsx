import { useMemo } from "preact/hooks";
import { Combobox } from "./Combobox";
import { complete } from "./completion";
import { useApp } from "./context";
import controls from "./controls.module.css";
import styles from "./FilterBar.module.css";
import { counts, type Order, type Show } from "./filter";
import { useWords } from "./language";
import { completeTerms, matchingSynonym } from "./search";

const SHOWS: readonly Show[] = ["all", "open", "confirmed", "unknown"];

const ORDERS: readonly Order[] = ["added", "taken", "name", "doubt", "unknown"];

/** Which pictures are shown: a search by tag, and four states. */
export function FilterBar() {
  const { state, library, dispatch } = useApp();
  const words = useWords();
  const { gallery } = words;
  const { filter, selected } = state;
  const { pictures, tags, terms } = library;
  const count = useMemo(() => counts(pictures.values()), [pictures]);
  const choices = useMemo(() => {
    const broader = completeTerms(library, filter.text);
    const own = complete(tags.values(), filter.text).filter(({ id }) => broader.every(({ term }) => term.id !== id));
    return [
      ...broader.map(({ term, count }) => ({ key: term.id, label: term.name, detail: words.tags.count(count) })),
      ...own.map((tag) => {
        const detail = tag.taught > 0 ? words.tags.pictures(tag.taught) : matchingSynonym(tag, filter.text);
        return { key: tag.id, label: tag.name, ...(detail === undefined ? {} : { detail }) };
      }),
    ];
  }, [library.tags, library.terms, filter.text, words]);
  const nameOf = (id: string) => (tags.get(id) ?? terms.get(id))?.name ?? "";
  return (
    <div class={styles.filterbar}>
      <Combobox
        search
        label={gallery.search}
        text={filter.tag === null ? filter.text : nameOf(filter.tag)}
        choices={choices}
        eager={false}
        onText={(text) => dispatch({ type: "filter", filter: { text, tag: null } })}
        onPick={(choice) => dispatch({ type: "filter", filter: { text: "", tag: choice.key } })}
      />
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot scroll sideways */}
      <div class={styles.segments} role="group" aria-label={gallery.which}>
        {SHOWS.map((show) => (
          <button
            key={show}
            type="button"
            aria-pressed={filter.show === show}
            onClick={() => dispatch({ type: "filter", filter: { show } })}
          >
            {gallery.shows[show]} <small>{words.number(count[show])}</small>
          </button>
        ))}
      </div>
      <select
        class={styles.order}
        aria-label={gallery.order}
        disabled={filter.tag !== null || filter.text !== ""} // a search has its own order
        value={filter.order}
        onChange={(event) => dispatch({ type: "filter", filter: { order: event.currentTarget.value as Order } })}
      >
        {ORDERS.map((order) => (
          <option key={order} value={order}>
            {gallery.orders[order]}
          </option>
        ))}
      </select>
      <button
        type="button"
        class={`${controls.button} ${controls.small} ${controls.quiet}`}
        aria-pressed={selected !== null}
        onClick={() => dispatch({ type: "select", selected: selected === null ? new Set() : null })}
      >
        {selected === null ? gallery.select : gallery.done}
      </button>
    </div>
  );
}
