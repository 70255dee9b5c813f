import type { PictureId } from "../api";
import styles from "./Archive.module.css";
import type { Group, Review } from "./archive_review";
import type { ReviewServer } from "./archive_server";
import controls from "./controls.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";
import { type Place, Squares } from "./Squares";
import { Tile } from "./Tile";

interface Props {
  group: Group;
  review: Review;
  server: ReviewServer;
  /** The picture that the Tab key reaches; null for the first one. */
  start: PictureId | null;
  isBusy: boolean;
  onFocus(id: PictureId): void;
  onTick(id: PictureId, isTicked: boolean): void;
  onTickAll(isTicked: boolean): void;
  onConfirm(): void;
}

const NOTHING = () => {};

/** Pictures that probably have a tag, and the button that confirms the ticked ones and rejects the others. */
export function ArchiveGroup(props: Props) {
  const { group, review, server, start, isBusy, onFocus, onTick, onTickAll, onConfirm } = props;
  const { number, gallery, review: words } = useWords();
  const { tag, ids } = group;
  const keyword = tag === null ? [] : (review.tags[tag] ?? []);
  const name = keyword.at(-1) ?? "";
  const title = tag === null ? words.rest : words.question(name);
  const ticked = ids.filter((id) => !review.unticked.has(id)).length;
  const draw = (id: PictureId, place: Place) => {
    const question = review.pictures.get(id);
    if (question === undefined) return undefined;
    const kind = tag === null ? "unknown" : "likely";
    return (
      <Tile
        key={id}
        id={id}
        {...place}
        label={gallery.tile(question.name, tag === null ? null : name, kind)}
        tickLabel={gallery.tick(question.name)}
        caption={question.name}
        kind={kind}
        selected={null}
        ticked={tag === null ? null : !review.unticked.has(id)}
        engine={server}
        onPress={NOTHING}
        onTick={onTick}
      />
    );
  };
  return (
    <section class={styles.group} aria-label={title}>
      <header class={styles.head}>
        <div class={styles.title}>
          {keyword.length > 1 && (
            <p class="clip quiet" dir="auto">
              {words.below(keyword.slice(0, -1))}
            </p>
          )}
          <h2 class="clip" dir="auto" tabIndex={-1}>
            {title} <small>{number(ids.length)}</small>
          </h2>
        </div>
        {tag !== null && ids.length > 1 && (
          <button
            type="button"
            class={`${controls.button} ${controls.small} ${controls.quiet}`}
            onClick={() => onTickAll(ticked === 0)}
          >
            {ticked === 0 ? words.tickAll : words.untickAll}
            <span class="hidden"> {title}</span>
          </button>
        )}
        {tag !== null && (
          <button
            type="button"
            class={`${controls.button} ${controls.small} ${ticked > 0 ? controls.primary : ""}`}
            aria-disabled={isBusy}
            aria-busy={isBusy}
            onKeyDown={(event) => event.repeat && event.preventDefault()}
            onClick={(event) => event.detail < 2 && !isBusy && onConfirm()} // the group after this one moves under the pointer
          >
            <Icon name={ticked > 0 ? "check" : "close"} />
            {words.confirm(ticked, ids.length)}
            <span class="hidden"> {title}</span>
          </button>
        )}
      </header>
      <Squares label={title} cells={ids} start={start} onFocus={onFocus} draw={draw} />
    </section>
  );
}
