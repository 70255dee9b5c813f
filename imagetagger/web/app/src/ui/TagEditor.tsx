import { useState } from "preact/hooks";
import type { PictureId, PictureView } from "../api";
import { useTooSoon } from "./attention";
import { CandidateChips, type Chip, newNameChip, TagChips } from "./Chips";
import { useApp } from "./context";
import controls from "./controls.module.css";
import {
  add,
  addName,
  addTyped,
  candidates,
  type Draft,
  difference,
  initialDraft,
  isNothing,
  remove,
  removeName,
  withoutGuesses,
} from "./draft";
import { nextOpen } from "./filter";
import { Icon } from "./Icon";
import { useKeys } from "./keys";
import { useWords } from "./language";
import { useLesson } from "./lesson";
import { goToPicture } from "./route";
import { closeness, fold } from "./search";
import styles from "./TagEditor.module.css";
import { TagField } from "./TagField";
import texts from "./texts.module.css";

const FIRST = 8;

interface Props {
  picture: PictureView;
  /** The pictures in the order shown. */
  ids: readonly PictureId[];
  /** The picture after this one. */
  after?: PictureId;
}

/** The tags of a picture: remove, add, and confirm, which teaches them. */
export function TagEditor({ picture, ids, after }: Props) {
  const { engine, state, library, dispatch } = useApp();
  const { busy, teach } = useLesson();
  const { app, picture: words } = useWords();
  const [all, setAll] = useState(false);
  const [text, setText] = useState("");
  const isTooSoon = useTooSoon();
  const draft = state.drafts.get(picture.id) ?? initialDraft(picture);
  const own = withoutGuesses(draft);
  const change = (to: Draft | null) => dispatch({ type: "draft", picture: picture.id, draft: to });
  const nameOf = (tag: string) => library.tags.get(tag)?.name ?? tag;
  const chip = (key: string): Chip => {
    const suggested = picture.suggested.find((s) => s.tag === key);
    const taught = picture.tags.includes(key) && draft.tags.includes(key);
    return { key, name: nameOf(key), probability: suggested?.probability ?? null, taught };
  };
  const chips = [...draft.tags.map(chip), ...draft.newNames.map(newNameChip)];
  const offered = candidates(picture, draft).map((tag) => {
    const struck = draft.removed.includes(tag);
    return { ...chip(tag), struck };
  });
  const intended = addTyped(draft, text, library);
  const changes = difference(picture, intended);
  const names = [...intended.tags.map(nameOf), ...intended.newNames];
  const nothing = isNothing(changes);
  const dismissed = picture.confirmed && picture.tags.length === 0;
  const dismisses = nothing && !picture.confirmed;
  const isReady = !busy && (dismisses ? picture.predicted : !nothing);
  const confirm = async (goesOn = state.filter.show === "open") => {
    if (!isReady) return;
    const next = goesOn ? (nextOpen(ids, library.pictures, picture.id) ?? after) : undefined;
    const begin = () =>
      dismisses ? engine.dismiss([picture.id]) : engine.confirm(picture.id, [...intended.tags], [...intended.newNames]);
    if (!(await teach(begin))) return;
    setText("");
    change(null);
    if (next !== undefined) goToPicture(next, true);
  };
  const label = () => {
    if (!nothing) return names.length > 0 ? words.confirm(names) : words.removeTags;
    if (dismisses) return words.noTagFits;
    return dismissed ? words.confirmedNoTagFits : words.confirmed;
  };
  const shown = all ? offered : offered.slice(0, FIRST);
  const goOn = () => {
    if (busy || isTooSoon({ timeStamp: performance.now() })) return; // a press meant for the picture before
    if (isReady && !dismisses) void confirm(true);
    else if (nothing && after !== undefined) goToPicture(after, true);
  };
  useKeys({
    ...Object.fromEntries(shown.slice(0, 9).map(({ key }, i) => [`${i + 1}`, () => change(add(own, key))])),
    Enter: goOn,
  });
  return (
    <section class={styles.editor} aria-label={words.tags} aria-busy={!picture.predicted}>
      <p class="hidden" role="status">
        {words.spoken(chips, dismissed, picture.unknown)}
      </p>
      {!picture.confirmed &&
        chips.length === 0 &&
        (picture.unknown ? (
          <p class={texts.notice}>{words.unknown}</p>
        ) : (
          <p class="quiet">{picture.predicted ? words.unsure : app.opening}</p>
        ))}
      <TagChips
        chips={chips}
        onRemove={(key) => change(key.startsWith("\n") ? removeName(draft, key.slice(1)) : remove(draft, key))}
      />
      <TagField
        label={words.addTag}
        text={text}
        onText={setText}
        tags={[...library.tags.values()]}
        terms={library.terms}
        chosen={own}
        onTag={(tag) => change(add(own, tag))}
        onName={(name) => change(addName(own, name))}
        onDone={goOn}
      />
      {offered.length > 0 && (
        <>
          <h2 class={texts.label}>{words.perhaps}</h2>
          <CandidateChips
            chips={shown}
            onAdd={(id) => {
              const tag = library.tags.get(id);
              if (tag && closeness(tag, fold(text)) < 3) setText(""); // the text was its search
              change(add(own, id));
            }}
          />
          {!all && offered.length > FIRST && (
            <button type="button" class={controls.link} onClick={() => setAll(true)}>
              {words.more(offered.length - FIRST)}
            </button>
          )}
        </>
      )}
      <footer class={styles.confirm}>
        <button
          type="button"
          class={`${controls.button} ${controls.big} ${dismisses ? "" : controls.primary}`}
          aria-disabled={!isReady} // keeps the focus, as `disabled` would not
          aria-busy={busy}
          onClick={(event) => {
            const isSecond = event.detail > 1 && isTooSoon(event); // press of the button that led to this picture
            if (!isSecond) void confirm();
          }}
        >
          <Icon name={nothing ? "check" : "learn"} />
          <span class="clip" dir="auto">
            {label()}
          </span>
        </button>
      </footer>
    </section>
  );
}
