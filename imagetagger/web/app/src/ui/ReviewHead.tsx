import { useRef } from "preact/hooks";
import { refocus } from "./attention";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { doubted, initialDraft } from "./draft";
import { Icon } from "./Icon";
import { useWords } from "./language";
import { useLesson } from "./lesson";
import { isTicked, proposalOf } from "./proposals";
import styles from "./ReviewHead.module.css";
import type { Section } from "./sections";

/** Milliseconds that a proposal must have been in sight before it is confirmed with others. */
const LOOK = 1000;

/** Whether a proposal was there from the start, or long enough to be seen: lessons change others at any moment. */
function useSeen(proposals: readonly string[]): (proposal: string) => boolean {
  const since = useRef<Map<string, number> | null>(null);
  const before = since.current;
  const now = performance.now();
  since.current = new Map(proposals.map((each) => [each, before === null ? 0 : (before.get(each) ?? now)]));
  return (proposal) => performance.now() - (since.current?.get(proposal) ?? Number.POSITIVE_INFINITY) >= LOOK;
}

/** The heading of pictures to confirm, and the button that confirms the ticked ones, each with what is proposed. */
export function ReviewHead({ section: { kind, ids }, title }: { section: Section; title: string }) {
  const { engine, state, library, dispatch } = useApp();
  const { busy, teach } = useLesson();
  const { number, gallery } = useWords();
  const proposed = ids.flatMap((id) => {
    const picture = library.pictures.get(id);
    const proposal = picture && proposalOf(picture, state.drafts.get(id));
    if (!proposal) return [];
    const key = [id, ...proposal.tags].join("\n");
    return [{ picture, tags: proposal.tags, key, ticked: isTicked(state.ticks, id, proposal) }];
  });
  const ticked = proposed.filter(({ ticked }) => ticked);
  const isSeen = useSeen(proposed.map(({ key }) => key));
  const asks = kind === "likely" || kind === "guess";
  const confirm = async () => {
    if (busy) return;
    const pictures = ticked
      .filter(({ key }) => isSeen(key))
      .map(({ picture, tags }) => ({ picture: picture.id, tags }));
    if (pictures.length === 0) return;
    if (!(await teach(() => engine.confirmAll(pictures)))) return;
    const doubts = proposed.filter(({ ticked }) => kind === "likely" && !ticked);
    dispatch({
      type: "doubt",
      drafts: new Map(doubts.map(({ picture }) => [picture.id, doubted(initialDraft(picture))])),
    });
    refocus("main section > header h2, [data-grid] [tabindex='0']"); // not the next button, which another press would reach
  };
  return (
    <header class={styles.head}>
      <h2 class="clip" dir="auto" tabIndex={-1}>
        {title} <small>{number(ids.length)}</small>
      </h2>
      {kind === "guess" && ticked.length < ids.length && (
        <button
          type="button"
          class={`${controls.button} ${controls.small} ${controls.quiet}`}
          onClick={() => dispatch({ type: "tick", pictures: ids, isTicked: true })}
        >
          {gallery.tickAll}
          <span class="hidden"> {title}</span>
        </button>
      )}
      {asks && (
        <button
          type="button"
          class={`${controls.button} ${controls.small} ${controls.primary}`}
          aria-disabled={busy || ticked.length === 0}
          aria-busy={busy}
          onKeyDown={(event) => event.repeat && event.preventDefault()}
          onClick={(event) => event.detail < 2 && void confirm()} // the heading after this one moves under the pointer
        >
          <Icon name="check" />
          {gallery.confirmTicked(ticked.length, ids.length)}
          <span class="hidden"> {title}</span>
        </button>
      )}
    </header>
  );
}
