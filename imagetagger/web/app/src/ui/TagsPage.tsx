import { useMemo, useState } from "preact/hooks";
import type { TagId, TagView } from "../api";
import comboboxStyles from "./Combobox.module.css";
import { byUse, knownTag } from "./completion";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Dialog } from "./Dialog";
import dialogStyles from "./Dialog.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";
import pageStyles from "./Page.module.css";
import { matchingTags } from "./search";
import { TagPanel } from "./TagPanel";
import styles from "./TagsPage.module.css";
import texts from "./texts.module.css";

/** Rows at first, and with each press for more: a thousand at once take long on a phone, and nobody reads them. */
const PAGE = 100;

/** The screen of all tags: those with the user's pictures first. */
export function TagsPage() {
  const { library } = useApp();
  const { tags: words } = useWords();
  const [text, setText] = useState("");
  const [open, setOpen] = useState<TagId | "new" | null>(null);
  const sorted = useMemo(() => [...library.tags.values()].sort(byUse), [library.tags]);
  const [rows, setRows] = useState(PAGE);
  const shown = useMemo(() => {
    const matching = matchingTags(library, text);
    return matching === null ? sorted : sorted.filter((tag) => matching.has(tag.id));
  }, [sorted, library.terms, text]);
  const left = shown.length - rows;
  const tag = open === null ? undefined : library.tags.get(open);
  const close = () => setOpen(null);
  return (
    <section class={pageStyles.page}>
      <header class={pageStyles.head}>
        <h1 tabIndex={-1}>{words.title}</h1>
        <button
          type="button"
          class={`${controls.button} ${controls.small} ${controls.primary}`}
          onClick={() => setOpen("new")}
        >
          <Icon name="plus" />
          {words.newButton}
        </button>
      </header>
      <div class={comboboxStyles.combobox}>
        <Icon name="search" />
        <input
          class={`${controls.input} ${comboboxStyles.search}`}
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          dir="auto"
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setRows(PAGE);
          }}
        />
      </div>
      <p class="hidden" role="status">
        {words.found(shown.length)}
      </p>
      <ul class={styles.rows} aria-label={words.title}>
        {shown.slice(0, rows).map((each) => (
          <li key={each.id}>
            <button
              type="button"
              class={hasCount(each) ? styles.row : `${styles.row} ${styles.bare}`}
              onClick={() => setOpen(each.id)}
            >
              <span class={styles.text}>
                <span class="clip" dir="auto">
                  {each.name}
                </span>
                {each.original !== null && each.original !== each.name && (
                  <small class="clip" dir="auto">
                    {words.was(each.original)}
                  </small>
                )}
                {each.hidden && <small>{words.hidden}</small>}
              </span>
              {hasCount(each) && (
                <small class={each.taught > 0 ? `${styles.count} ${styles.own}` : styles.count}>
                  {words.taughtBy(each.pictures, each.taught)}
                </small>
              )}
              <Icon name="right" />
            </button>
          </li>
        ))}
      </ul>
      {left > 0 && (
        <button type="button" class={`${controls.button} ${styles.moreRows}`} onClick={() => setRows(rows + PAGE)}>
          {words.showMore(Math.min(PAGE, left), left)}
        </button>
      )}
      {shown.length === 0 && <p class={texts.nothing}>{words.nothing}</p>}
      {open === "new" && <NewTag text={text} onClose={close} />}
      {tag && <TagPanel tag={tag} onClose={close} />}
    </section>
  );
}

/** Whether pictures taught it, as far as is known: of a thousand tags known before, each would say the same. */
function hasCount({ pictures, taught }: TagView): boolean {
  return taught > 0 || pictures !== null;
}

function NewTag({ text, onClose }: { text: string; onClose(): void }) {
  const { engine, library, change } = useApp();
  const { tags: words } = useWords();
  const [name, setName] = useState(knownTag(library.tags.values(), library.terms, text) ? "" : text);
  const submit = (event: Event) => {
    event.preventDefault();
    if (name.trim() === "") return;
    void change(engine.addTag(name)).then((isDone) => isDone && onClose());
  };
  return (
    <Dialog title={words.newTag} onClose={onClose}>
      <form onSubmit={submit}>
        <p class="quiet">{words.newTagHint}</p>
        <input
          class={controls.input}
          data-first=""
          aria-label={words.name}
          placeholder={words.name}
          dir="auto"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <footer class={dialogStyles.actions}>
          <button type="submit" class={`${controls.button} ${controls.primary} grow`} disabled={name.trim() === ""}>
            {words.addTag}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
