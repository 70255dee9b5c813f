import { useState } from "preact/hooks";
import type { TagView } from "../api";
import { normaliseName } from "../format/names";
import { useApp } from "./context";
import { Ask, Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { TagField } from "./TagField";
import * as words from "./words";

/** The actions on a tag. */
export function TagPanel({ tag, onClose }: { tag: TagView; onClose(): void }) {
  const { engine, library, dispatch, act } = useApp();
  const [name, setName] = useState(tag.name);
  const [asks, setAsks] = useState<"remove" | "reset" | null>(null);
  const [text, setText] = useState("");
  const [into, setInto] = useState<TagView | null>(null);
  const others = [...library.tags.values()].filter((other) => other.id !== tag.id);
  const isRenamed = normaliseName(name) !== "" && normaliseName(name) !== tag.name;
  const rename = (event: Event) => {
    event.preventDefault();
    if (!isRenamed) return;
    closeAfter(engine.renameTag(tag.id, name), `Renamed to ${normaliseName(name)}`);
  };
  const closeAfter = (work: Promise<void>, message: string) => {
    void act(
      work.then(() => true),
      message,
      true,
    ).then((done) => done && onClose());
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
        {tag.synonyms.length > 0 && <span dir="auto"> · also: {tag.synonyms.join(", ")}</span>}
      </p>
      <form class="inline" onSubmit={rename}>
        <input
          class="input"
          aria-label="Name"
          dir="auto"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" class="button" disabled={!isRenamed}>
          Rename
        </button>
      </form>
      <h3 class="label">Merge into another tag</h3>
      <TagField
        label="Merge into"
        text={text}
        onText={setText}
        tags={others}
        onTag={(id) => setInto(library.tags.get(id) ?? null)}
      />
      <div class="stack-of-buttons">
        <button type="button" class="button" onClick={show}>
          <Icon name="pictures" />
          Show its pictures
        </button>
        <button
          type="button"
          class="button"
          onClick={() =>
            closeAfter(
              engine.hideTag(tag.id, !tag.hidden),
              tag.hidden ? `Showing ${tag.name} again` : `Hid ${tag.name}`,
            )
          }
        >
          <Icon name={tag.hidden ? "check" : "hide"} />
          {tag.hidden ? "Suggest it again" : "Hide from suggestions"}
        </button>
        <button
          type="button"
          class="button"
          disabled={!tag.changed || tag.original === null}
          onClick={() => setAsks("reset")}
        >
          <Icon name="reset" />
          Reset to the bundle's
        </button>
        <button type="button" class="button danger-quiet" onClick={() => setAsks("remove")}>
          <Icon name="trash" />
          Delete
        </button>
      </div>
      {into !== null && (
        <Ask
          title={`Merge into ${into.name}?`}
          text={words.mergeTag(tag.name, into.name)}
          yes="Merge"
          danger={false}
          onYes={() => closeAfter(engine.mergeTags(tag.id, into.id), `Merged ${tag.name} into ${into.name}`)}
          onClose={() => setInto(null)}
        />
      )}
      {asks === "remove" && (
        <Ask
          title={`Delete ${tag.name}?`}
          text={words.removeTag(tag.name, tag.taught)}
          yes="Delete"
          onYes={() => closeAfter(engine.removeTag(tag.id), `Deleted ${tag.name}`)}
          onClose={() => setAsks(null)}
        />
      )}
      {asks === "reset" && (
        <Ask
          title={`Reset ${tag.name}?`}
          text={words.resetTag(tag.name)}
          yes="Reset"
          onYes={() => closeAfter(engine.resetTag(tag.id), `Reset ${tag.original ?? tag.name}`)}
          onClose={() => setAsks(null)}
        />
      )}
    </Dialog>
  );
}
