import { useMemo, useState } from "preact/hooks";
import type { TagId } from "../api";
import { useApp } from "./context";
import { Dialog } from "./Dialog";
import { byUse, closeness, findTag, fold } from "./filter";
import { Icon } from "./Icon";
import { TagPanel } from "./TagPanel";
import * as words from "./words";

/** The screen of all tags. */
export function TagsPage() {
  const { library } = useApp();
  const [text, setText] = useState("");
  const [open, setOpen] = useState<TagId | "new" | null>(null);
  const sorted = useMemo(() => [...library.tags.values()].sort(byUse), [library.tags]);
  const query = fold(text);
  const shown = query === "" ? sorted : sorted.filter((tag) => closeness(tag, query) < 3);
  const tag = open === null ? undefined : library.tags.get(open);
  const close = () => setOpen(null);
  return (
    <section class="page">
      <header class="page-head">
        <h1 tabIndex={-1}>Tags</h1>
        <button type="button" class="button small primary" onClick={() => setOpen("new")}>
          <Icon name="plus" />
          New tag
        </button>
      </header>
      <div class="combobox">
        <Icon name="search" />
        <input
          class="input search"
          type="search"
          aria-label="Search tags"
          placeholder="Search tags"
          dir="auto"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <p class="hidden" role="status">
        {words.many(shown.length, "tag")} shown
      </p>
      <ul class="rows" aria-label="Tags">
        {shown.map((each) => (
          <li key={each.id}>
            <button type="button" class="row" onClick={() => setOpen(each.id)}>
              <span class="row-text">
                <span class="clip" dir="auto">
                  {each.name}
                </span>
                {each.original !== null && each.original !== each.name && (
                  <small class="clip" dir="auto">
                    was {each.original}
                  </small>
                )}
              </span>
              <small class={each.taught > 0 ? "count own" : "count"}>
                {words.taughtBy(each.pictures, each.taught)}
              </small>
              <Icon name="right" />
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p class="nothing">No tag has this name.</p>}
      {open === "new" && <NewTag text={text} onClose={close} />}
      {tag && <TagPanel tag={tag} onClose={close} />}
    </section>
  );
}

function NewTag({ text, onClose }: { text: string; onClose(): void }) {
  const { engine, library, act } = useApp();
  const [name, setName] = useState(findTag(library.tags.values(), text) ? "" : text);
  const submit = (event: Event) => {
    event.preventDefault();
    if (name.trim() === "") return;
    void act(
      engine.addTag(name).then(() => true),
      `Added ${name.trim()}`,
      true,
    ).then((done) => done && onClose());
  };
  return (
    <Dialog title="New tag" onClose={onClose}>
      <form onSubmit={submit}>
        <p class="quiet">{words.newTagHint()}</p>
        <input
          class="input"
          data-first=""
          aria-label="Name"
          placeholder="Name"
          dir="auto"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <footer class="actions">
          <button type="submit" class="button primary grow" disabled={name.trim() === ""}>
            Add the tag
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
