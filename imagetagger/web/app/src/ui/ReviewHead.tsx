import { useState } from "preact/hooks";
import { refocus } from "./attention";
import { requestPersistence } from "./browser";
import { likelyTags } from "./certainty";
import { useApp } from "./context";
import { Icon } from "./Icon";
import type { Section } from "./sections";
import * as words from "./words";

/** The heading of pictures, and the button that confirms the ticked ones of them, each with its likely tags. */
export function ReviewHead({ section: { kind, tags, ids } }: { section: Section }) {
  const { engine, state, library, dispatch, act } = useApp();
  const [busy, setBusy] = useState(false);
  const names = tags.flatMap((tag) => library.tags.get(tag)?.name ?? []);
  const title = kind === "same" ? words.list(names) : words.sectionTitle(kind);
  const asks = kind === "same" || kind === "likely";
  const ticked = ids.filter((id) => !state.unticked.has(id));
  const confirm = async () => {
    if (busy || ticked.length === 0) return;
    setBusy(true);
    const pictures = ticked.flatMap((picture) => {
      const view = library.pictures.get(picture);
      return view ? [{ picture, tags: likelyTags(view) }] : [];
    });
    const learned = kind === "same" ? words.confirmed(names, []) : words.confirmedTags();
    const work = engine.confirmAll(pictures).then(() => true);
    const done = await act(work, `${learned} · ${words.many(pictures.length, "picture")}`, true);
    setBusy(false);
    if (done === undefined) return;
    requestPersistence();
    dispatch({ type: "doubt", pictures: ids.filter((id) => state.unticked.has(id)) });
    refocus(".section .all-right, .grid [tabindex='0']");
  };
  return (
    <header class="section-head">
      <h2 class="clip" dir="auto">
        {title} <small>{ids.length.toLocaleString("en")}</small>
      </h2>
      {asks && (
        <button
          type="button"
          class="button small primary all-right"
          aria-disabled={busy || ticked.length === 0}
          aria-busy={busy}
          aria-label={words.allRightLabel(title, ticked.length)}
          onClick={() => void confirm()}
        >
          <Icon name="check" />
          {words.allRight(ticked.length, ids.length)}
        </button>
      )}
    </header>
  );
}
