import { useState } from "preact/hooks";
import type { PictureId } from "../api";
import { askToKeep } from "./browser";
import { freshChip, KeptChips } from "./Chips";
import { useApp } from "./context";
import { Dialog } from "./Dialog";
import { add, addName, addTyped, type Draft, remove, removeName } from "./draft";
import { TagField } from "./TagField";
import * as words from "./words";

interface Props {
  pictures: readonly PictureId[];
  onDone(): void;
  onClose(): void;
}

/** Teaches several pictures the same tags. */
export function TeachDialog({ pictures, onDone, onClose }: Props) {
  const { engine, library, act } = useApp();
  const [draft, setDraft] = useState<Draft>({ kept: [], removed: [], fresh: [] });
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const nameOf = (tag: string) => library.tags.get(tag)?.name ?? tag;
  const meant = addTyped(draft, text, library.tags.values());
  const names = [...meant.kept.map(nameOf), ...meant.fresh];
  const chips = [
    ...draft.kept.map((key) => ({ key, name: nameOf(key), probability: null, own: false })),
    ...draft.fresh.map(freshChip),
  ];
  const teach = async () => {
    if (names.length === 0 || busy) return;
    setBusy(true);
    const said = `Learned ${words.list(names)} from ${words.many(pictures.length, "picture")}`;
    const work = engine.teach([...pictures], [...meant.kept], [...meant.fresh]).then(() => true);
    const done = await act(work, said, true);
    setBusy(false);
    if (done === undefined) return;
    askToKeep();
    onClose();
    onDone();
  };
  return (
    <Dialog title={`Tag ${words.many(pictures.length, "picture")}`} onClose={onClose}>
      <KeptChips
        chips={chips}
        onRemove={(key) => setDraft(key.startsWith("\n") ? removeName(draft, key.slice(1)) : remove(draft, key))}
      />
      <TagField
        label="Add a tag"
        first
        text={text}
        onText={setText}
        tags={[...library.tags.values()]}
        here={draft}
        onTag={(tag) => setDraft(add(draft, tag))}
        onName={(name) => setDraft(addName(draft, name))}
      />
      <footer class="actions">
        <button
          type="button"
          class="button primary grow"
          aria-disabled={names.length === 0 || busy} // keeps the focus, as `disabled` would not
          aria-busy={busy}
          onClick={() => void teach()}
        >
          <span class="clip">{words.confirmLabel(names, [])}</span>
        </button>
      </footer>
    </Dialog>
  );
}
