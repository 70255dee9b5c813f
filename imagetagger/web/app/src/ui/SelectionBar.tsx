import { useState } from "preact/hooks";
import type { PictureId, PictureView } from "../api";
import { refocus } from "./attention";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { NO_TAGS } from "./draft";
import { Icon, type IconName } from "./Icon";
import { useKeys } from "./keys";
import { useWords } from "./language";
import { useLesson } from "./lesson";
import { isTicked, type Proposal } from "./proposals";
import { RemovePictures } from "./RemovePictures";
import styles from "./SelectionBar.module.css";
import type { IsSeen } from "./seen";
import { TeachDialog } from "./TeachDialog";

interface Props {
  /** The pictures that "all" means. */
  ids: readonly PictureId[];
  selected: ReadonlySet<PictureId>;
  proposals: ReadonlyMap<PictureId, Proposal>;
  isSeen: IsSeen;
}

/** The actions on selected pictures. */
export function SelectionBar({ ids, selected, proposals, isSeen }: Props) {
  const { engine, state, library, dispatch } = useApp();
  const [asks, setAsks] = useState<"teach" | "remove" | null>(null);
  const { busy, teach } = useLesson();
  const { gallery, picture: words } = useWords();
  const all = ids.every((id) => selected.has(id));
  const end = () => dispatch({ type: "select", selected: null });
  const close = () => setAsks(null);
  useKeys({
    Escape: () => {
      end();
      refocus("[data-grid] [tabindex='0']"); // the square that had it became a link
    },
  });
  const open = [...selected].flatMap((id) => library.pictures.get(id) ?? []).filter((picture) => !picture.confirmed);
  const likely = open.flatMap((picture) => {
    const proposal = proposals.get(picture.id);
    if (proposal) {
      const isLikely = proposal.certainty === "likely" && isTicked(state.ticks, picture.id, proposal);
      return isLikely ? [{ picture: picture.id, tags: proposal.tags }] : [];
    }
    const { tags, newNames } = state.drafts.get(picture.id) ?? NO_TAGS;
    return tags.length > 0 && newNames.length === 0 ? [{ picture: picture.id, tags }] : [];
  });
  const run = async (begin: () => Promise<void>) => {
    if (!(await teach(begin))) return;
    end();
    refocus("[data-grid] [tabindex='0']");
  };
  const dismiss = (pictures: readonly PictureView[]) => run(() => engine.dismiss(pictures.map(({ id }) => id)));
  const confirm = () => {
    const seen = likely.filter(({ picture }) => !proposals.has(picture) || isSeen(picture));
    if (seen.length > 0) void run(() => engine.confirmAll(seen, []));
  };
  return (
    <section class={styles.selection} aria-label={gallery.selection}>
      <span class="grow" role="status">
        {gallery.selected(selected.size)}
      </span>
      <button
        type="button"
        class={`${controls.button} ${controls.small} ${controls.quiet}`}
        onClick={() => dispatch({ type: "select", selected: new Set(all ? [] : ids) })}
      >
        {all ? gallery.selectNone : gallery.selectAll}
      </button>
      <Action icon="trash" disabled={selected.size === 0} onPress={() => setAsks("remove")}>
        {gallery.remove}
      </Action>
      <Action icon="close" disabled={open.length === 0 || busy} onPress={() => void dismiss(open)}>
        {words.noTagFits}
      </Action>
      <Action icon="tag" disabled={selected.size === 0} onPress={() => setAsks("teach")}>
        {gallery.tag}
      </Action>
      <Action icon="check" primary disabled={likely.length === 0 || busy} onPress={confirm}>
        {gallery.confirmSelected(likely.length)}
      </Action>
      {asks === "teach" && <TeachDialog pictures={[...selected]} onDone={end} onClose={close} />}
      {asks === "remove" && <RemovePictures pictures={[...selected]} onDone={end} onClose={close} />}
    </section>
  );
}

interface ActionProps {
  icon: IconName;
  primary?: boolean;
  disabled: boolean;
  onPress(): void;
  children: string;
}

function Action({ icon, primary, disabled, onPress, children }: ActionProps) {
  return (
    <button
      type="button"
      class={`${controls.button} ${controls.small} ${primary ? controls.primary : controls.quiet}`}
      aria-disabled={disabled} // keeps the focus, as `disabled` would not
      onClick={() => disabled || onPress()}
    >
      <span class="no-phone">
        <Icon name={icon} />
      </span>
      {children}
    </button>
  );
}
