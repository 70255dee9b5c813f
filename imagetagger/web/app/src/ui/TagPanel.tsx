import { useState } from "preact/hooks";
import type { TagView } from "../api";
import { normaliseName } from "../format/names";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Ask, Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { useWords } from "./language";
import { TagField } from "./TagField";
import styles from "./TagPanel.module.css";
import texts from "./texts.module.css";

/** The actions on a tag. */
export function TagPanel({ tag, onClose }: { tag: TagView; onClose(): void }) {
  const { engine, library, dispatch, change } = useApp();
  const { tags: words } = useWords();
  const [name, setName] = useState(tag.name);
  const [asks, setAsks] = useState<"remove" | "reset" | null>(null);
  const [text, setText] = useState("");
  const [into, setInto] = useState<TagView | null>(null);
  const others = [...library.tags.values()].filter((other) => other.id !== tag.id);
  const isRenamed = normaliseName(name) !== "" && normaliseName(name) !== tag.name;
  const rename = (event: Event) => {
    event.preventDefault();
    if (!isRenamed) return;
    void closeAfter(engine.renameTag(tag.id, name));
  };
  const closeAfter = async (work: Promise<void>) => {
    if (await change(work)) onClose();
  };
  const show = () => {
    onClose();
    dispatch({ type: "filter", filter: { show: "all", text: "", tag: tag.id } });
    window.location.hash = "#/";
  };
  return (
    <Dialog title={tag.name} onClose={onClose}>
      <p class="quiet">
        {words.taughtBy(tag.pictures, tag.taught)}
        {tag.synonyms.length > 0 && <span dir="auto"> · {words.also(tag.synonyms)}</span>}
      </p>
      <form class={styles.inline} onSubmit={rename}>
        <input
          class={controls.input}
          aria-label={words.name}
          dir="auto"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" class={controls.button} disabled={!isRenamed}>
          {words.rename}
        </button>
      </form>
      <h3 class={texts.label}>{words.merge}</h3>
      <TagField
        label={words.mergeInto}
        text={text}
        onText={setText}
        tags={others}
        onTag={(id) => setInto(library.tags.get(id) ?? null)}
      />
      <div class={styles.buttons}>
        <button type="button" class={controls.button} onClick={show}>
          <Icon name="pictures" />
          {words.show}
        </button>
        <button
          type="button"
          class={controls.button}
          onClick={() => void closeAfter(engine.hideTag(tag.id, !tag.hidden))}
        >
          <Icon name={tag.hidden ? "check" : "hide"} />
          {tag.hidden ? words.unhide : words.hide}
        </button>
        <button
          type="button"
          class={controls.button}
          disabled={!tag.changed || tag.original === null}
          onClick={() => setAsks("reset")}
        >
          <Icon name="reset" />
          {words.reset}
        </button>
        <button type="button" class={`${controls.button} ${controls.dangerQuiet}`} onClick={() => setAsks("remove")}>
          <Icon name="trash" />
          {words.delete}
        </button>
      </div>
      {into !== null && (
        <Ask
          title={words.mergeTitle(into.name)}
          text={words.mergeText(tag.name, into.name)}
          yes={words.mergeYes}
          danger={false}
          onYes={() => void closeAfter(engine.mergeTags(tag.id, into.id))}
          onClose={() => setInto(null)}
        />
      )}
      {asks === "remove" && (
        <Ask
          title={words.deleteTitle(tag.name)}
          text={words.deleteText(tag.name, tag.taught)}
          yes={words.delete}
          onYes={() => void closeAfter(engine.removeTag(tag.id))}
          onClose={() => setAsks(null)}
        />
      )}
      {asks === "reset" && (
        <Ask
          title={words.resetTitle(tag.name)}
          text={words.resetText(tag.name)}
          yes={words.reset}
          onYes={() => void closeAfter(engine.resetTag(tag.id))}
          onClose={() => setAsks(null)}
        />
      )}
    </Dialog>
  );
}
