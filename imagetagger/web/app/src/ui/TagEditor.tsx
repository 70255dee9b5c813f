import { useState } from "preact/hooks";
import type { PictureId, PictureView } from "../api";
import { useTooSoon } from "./attention";
import { askToKeep } from "./browser";
import { type Chip, freshChip, KeptChips, PerhapsChips } from "./Chips";
import { useApp } from "./context";
import {
  add,
  addName,
  addTyped,
  type Draft,
  difference,
  initial,
  isNothing,
  perhaps,
  remove,
  removeName,
} from "./draft";
import { closeness, fold, nextOpen } from "./filter";
import { Icon } from "./Icon";
import { goToPicture } from "./route";
import { TagField } from "./TagField";
import { Threshold } from "./Threshold";
import * as words from "./words";

const FIRST = 8;

/** The tags of a picture: strike, add, and confirm, which is to learn. */
export function TagEditor({ picture, ids }: { picture: PictureView; ids: readonly PictureId[] }) {
  const { engine, state, library, dispatch, act } = useApp();
  const [busy, setBusy] = useState(false);
  const [all, setAll] = useState(false);
  const [text, setText] = useState("");
  const isTooSoon = useTooSoon();
  const draft = state.drafts.get(picture.id) ?? initial(picture);
  const change = (to: Draft | null) => dispatch({ type: "draft", picture: picture.id, draft: to });
  const nameOf = (tag: string) => library.tags.get(tag)?.name ?? tag;
  const chip = (key: string): Chip => {
    const suggested = picture.suggested.find((s) => s.tag === key);
    const own = picture.tags.includes(key) && draft.kept.includes(key);
    return { key, name: nameOf(key), probability: suggested?.probability ?? null, own };
  };
  const kept = [...draft.kept.map(chip), ...draft.fresh.map(freshChip)];
  const offered = perhaps(picture, draft).map((tag) => {
    const struck = draft.removed.includes(tag);
    return { ...chip(tag), struck };
  });
  const meant = addTyped(draft, text, library.tags.values());
  const what = difference(picture, meant);
  const learn = [...what.learn.map(nameOf), ...what.fresh];
  const forget = what.forget.map(nameOf);
  const nothing = isNothing(what);
  const dismissed = picture.confirmed && picture.tags.length === 0;
  const dismisses = nothing && !picture.confirmed;
  const isJudged = picture.unknown || picture.suggested.length > 0; // not yet, right after the opening
  const isReady = !busy && (dismisses ? isJudged : !nothing);
  const confirm = async () => {
    if (!isReady) return;
    setBusy(true);
    const next = state.filter.show === "open" ? nextOpen(ids, library.pictures, picture.id) : undefined;
    const work = dismisses ? engine.dismiss(picture.id) : engine.confirm(picture.id, [...meant.kept], [...meant.fresh]);
    const said = dismisses ? words.dismissed() : words.confirmed(learn, forget);
    const done = await act(
      work.then(() => true),
      said,
      true,
    );
    setBusy(false);
    if (done === undefined) return;
    askToKeep();
    setText("");
    change(null);
    if (next !== undefined) goToPicture(next, true);
  };
  return (
    <section class="editor" aria-label="Tags">
      <p class="hidden" role="status">
        {words.spoken(kept, dismissed, picture.unknown)}
      </p>
      {!picture.confirmed &&
        kept.length === 0 &&
        (picture.unknown ? <p class="notice">{words.unknown()}</p> : <p class="quiet">{words.unsure()}</p>)}
      <KeptChips
        chips={kept}
        onRemove={(key) => change(key.startsWith("\n") ? removeName(draft, key.slice(1)) : remove(draft, key))}
      />
      <TagField
        label="Add a tag"
        text={text}
        onText={setText}
        tags={[...library.tags.values()]}
        here={draft}
        onTag={(tag) => change(add(draft, tag))}
        onName={(name) => change(addName(draft, name))}
      />
      {offered.length > 0 && (
        <>
          <h2 class="label">Perhaps</h2>
          <PerhapsChips
            chips={all ? offered : offered.slice(0, FIRST)}
            onAdd={(id) => {
              const tag = library.tags.get(id);
              if (tag && closeness(tag, fold(text)) < 3) setText(""); // it was what the text looked for
              change(add(draft, id));
            }}
          />
          {!all && offered.length > FIRST && (
            <button type="button" class="link" onClick={() => setAll(true)}>
              {offered.length - FIRST} more
            </button>
          )}
        </>
      )}
      <Threshold />
      <footer class="confirm">
        <button
          type="button"
          class={dismisses ? "button big" : "button primary big"}
          aria-disabled={!isReady} // keeps the focus, as `disabled` would not
          aria-busy={busy}
          onClick={(event) => {
            const isSecond = event.detail > 1 && isTooSoon(event); // press, of what led to this picture
            if (!isSecond) void confirm();
          }}
        >
          <Icon name={nothing ? "check" : "learn"} />
          <span class="clip" dir="auto">
            {nothing ? words.settled(dismisses, kept.length > 0) : words.confirmLabel(learn, forget)}
          </span>
        </button>
      </footer>
    </section>
  );
}
