import { useRef } from "preact/hooks";
import type { PictureView } from "../api";
import { refocus } from "./attention";
import { likelyTags } from "./certainty";
import { useApp } from "./context";
import { doubted, initialDraft } from "./draft";
import { Icon } from "./Icon";
import { useLesson } from "./lesson";
import type { Section } from "./sections";
import type { Library } from "./state";
import * as words from "./words";

/** Milliseconds that a picture must have been among others before it is confirmed with them. */
const LOOK = 1000;

/** Whether a guess was there from the start, or long enough to be seen: lessons change others at any moment. */
function useSeen(guesses: readonly string[]): (guess: string) => boolean {
  const since = useRef<Map<string, number> | null>(null);
  const before = since.current;
  const now = performance.now();
  since.current = new Map(guesses.map((guess) => [guess, before === null ? 0 : (before.get(guess) ?? now)]));
  return (guess) => performance.now() - (since.current?.get(guess) ?? Number.POSITIVE_INFINITY) >= LOOK;
}

/** The name of a section: that of its tags, where it has some. */
export function sectionName({ kind, tags }: Section, library: Library): string {
  const names = tags.flatMap((tag) => library.tags.get(tag)?.name ?? []);
  return kind === "same" ? words.list(names) : words.sectionTitle(kind);
}

/** The heading of pictures, and the button that confirms the ticked ones of them, each with its likely tags. */
export function ReviewHead({ section }: { section: Section }) {
  const { kind, ids } = section;
  const { engine, state, library, dispatch } = useApp();
  const { busy, teach } = useLesson();
  const title = sectionName(section, library);
  const asks = kind === "same" || kind === "likely";
  const ticked = ids.filter((id) => !state.unticked.has(id));
  const views = ids.flatMap((id) => library.pictures.get(id) ?? []);
  const guessOf = (view: PictureView) => [view.id, ...likelyTags(view)].join("\n");
  const isSeen = useSeen(views.map(guessOf));
  const confirm = async () => {
    if (busy || ticked.length === 0) return;
    const doubts = views
      .filter(({ id }) => state.unticked.has(id))
      .map((view) => [view.id, doubted(initialDraft(view))] as const);
    const pictures = views
      .filter((view) => !state.unticked.has(view.id) && isSeen(guessOf(view)))
      .map((view) => ({ picture: view.id, tags: likelyTags(view) }));
    if (pictures.length === 0) return;
    const learned = kind === "same" ? words.confirmed([title], []) : words.confirmedTags();
    const message = `${learned} · ${words.many(pictures.length, "picture")}`;
    if (!(await teach(() => engine.confirmAll(pictures), message))) return;
    dispatch({ type: "doubt", drafts: new Map(doubts) });
    refocus(".section-head h2, .grid [tabindex='0']"); // not the next button, which another press would reach
  };
  return (
    <header class="section-head">
      <h2 class="clip" dir="auto" tabIndex={-1}>
        {title} <small>{ids.length.toLocaleString("en")}</small>
      </h2>
      {asks && (
        <button
          type="button"
          class="button small primary all-right"
          aria-disabled={busy || ticked.length === 0}
          aria-busy={busy}
          onKeyDown={(event) => event.repeat && event.preventDefault()}
          onClick={(event) => event.detail < 2 && void confirm()} // the heading after this one moves under the pointer
        >
          <Icon name="check" />
          {words.confirmTicked(ticked.length, ids.length)}
          <span class="hidden"> {title}</span>
        </button>
      )}
    </header>
  );
}
