import { useState } from "preact/hooks";
import type { PictureId } from "../api";
import { newNameChip, TagChips } from "./Chips";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Dialog } from "./Dialog";
import dialogStyles from "./Dialog.module.css";
import { add, addName, addTyped, type Draft, NO_TAGS, remove, removeName } from "./draft";
import { useWords } from "./language";
import { useLesson } from "./lesson";
import { TagField } from "./TagField";

interface Props {
  pictures: readonly PictureId[];
  onDone(): void;
  onClose(): void;
}

/** Teaches several pictures the same tags. */
export function TeachDialog({ pictures, onDone, onClose }: Props) {
  const { engine, library } = useApp();
  const { gallery, picture: words } = useWords();
  const [draft, setDraft] = useState<Draft>(NO_TAGS);
  const [text, setText] = useState("");
  const lesson = useLesson();
  const { busy } = lesson;
  const nameOf = (tag: string) => library.tags.get(tag)?.name ?? tag;
  const intended = addTyped(draft, text, library);
  const names = [...intended.tags.map(nameOf), ...intended.newNames];
  const chips = [
    ...draft.tags.map((key) => ({ key, name: nameOf(key), probability: null, taught: false })),
    ...draft.newNames.map(newNameChip),
  ];
  const teach = async () => {
    if (names.length === 0 || busy) return;
    const begin = () => engine.teach([...pictures], [...intended.tags], [...intended.newNames]);
    if (!(await lesson.teach(begin))) return;
    onClose();
    onDone();
  };
  return (
    <Dialog title={gallery.tagPictures(pictures.length)} onClose={onClose}>
      <TagChips
        chips={chips}
        onRemove={(key) => setDraft(key.startsWith("\n") ? removeName(draft, key.slice(1)) : remove(draft, key))}
      />
      <TagField
        label={words.addTag}
        first
        text={text}
        onText={setText}
        tags={[...library.tags.values()]}
        terms={library.terms}
        chosen={draft}
        onTag={(tag) => setDraft(add(draft, tag))}
        onName={(name) => setDraft(addName(draft, name))}
      />
      <footer class={dialogStyles.actions}>
        <button
          type="button"
          class={`${controls.button} ${controls.primary} grow`}
          aria-disabled={names.length === 0 || busy} // keeps the focus, as `disabled` would not
          aria-busy={busy}
          onClick={() => void teach()}
        >
          <span class="clip">{words.confirm(names)}</span>
        </button>
      </footer>
    </Dialog>
  );
}
