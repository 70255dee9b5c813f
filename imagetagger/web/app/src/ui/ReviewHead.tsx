import { refocus } from "./attention";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";
import { useLesson } from "./lesson";
import { isTicked, type Proposal } from "./proposals";
import styles from "./ReviewHead.module.css";
import type { Section } from "./sections";
import type { IsSeen } from "./seen";

interface Props {
  section: Section;
  title: string;
  proposals: ReadonlyMap<string, Proposal>;
  isSeen: IsSeen;
}

/** The heading of pictures to confirm, and the button that confirms the ticked ones, each with what is proposed. */
export function ReviewHead({ section: { kind, ids }, title, proposals, isSeen }: Props) {
  const { engine, state, dispatch } = useApp();
  const { busy, teach } = useLesson();
  const { number, gallery } = useWords();
  const proposed = ids.flatMap((id) => {
    const proposal = proposals.get(id);
    return proposal ? [[id, proposal] as const] : [];
  });
  const ticked = proposed.filter(([id, proposal]) => isTicked(state.ticks, id, proposal));
  const asks = (kind === "likely" || kind === "guess") && state.selected === null;
  const confirm = async () => {
    const confirmed = ticked.filter(([id]) => isSeen(id));
    if (busy || confirmed.length === 0) return;
    const rejected = kind === "likely" ? proposed.filter((each) => !ticked.includes(each)) : [];
    const all = (of: typeof proposed) => of.map(([picture, { tags }]) => ({ picture, tags }));
    if (!(await teach(() => engine.confirmAll(all(confirmed), all(rejected))))) return;
    refocus("main section > header h2, [data-grid] [tabindex='0']"); // not the next button, which another press would reach
  };
  return (
    <header class={styles.head}>
      <h2 class="clip" dir="auto" tabIndex={-1}>
        {title} <small>{number(ids.length)}</small>
      </h2>
      {asks && kind === "guess" && ticked.length < ids.length && (
        <button
          type="button"
          class={`${controls.button} ${controls.small} ${controls.quiet}`}
          onClick={() => dispatch({ type: "tick", proposals: proposed, isTicked: true })}
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
