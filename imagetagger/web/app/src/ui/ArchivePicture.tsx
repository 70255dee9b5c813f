import { useMemo, useState } from "preact/hooks";
import type { PictureId } from "../api";
import styles from "./Archive.module.css";
import { type Answer, answerOf, firstDraft, type Question, type Review, tagViews } from "./archive_review";
import type { ReviewServer } from "./archive_server";
import { useTooSoon } from "./attention";
import { useBlobUrl } from "./blobs";
import { CandidateChips, type Chip, newNameChip, TagChips } from "./Chips";
import controls from "./controls.module.css";
import { add, addName, addTyped, type Draft, remove, removeName } from "./draft";
import { Icon } from "./Icon";
import { focusField, useKeys } from "./keys";
import { useWords } from "./language";
import pageStyles from "./PicturePage.module.css";
import editorStyles from "./TagEditor.module.css";
import { TagField } from "./TagField";
import texts from "./texts.module.css";

interface Props {
  question: Question;
  review: Review;
  server: ReviewServer;
  /** Which of how many. */
  place: readonly [number, number];
  before?: PictureId;
  after?: PictureId;
  isBusy: boolean;
  /** What the person has chosen so far, by picture, while it is asked about in the same way. */
  drafts: Map<PictureId, { question: Question; draft: Draft }>;
  /** Goes to a picture, or to all of them. */
  goTo(id: PictureId | undefined): void;
  onAnswer(answer: Answer): void;
}

const NO_TERMS = new Map();

/** One picture of an archive and its tags: remove, add, and confirm. */
export function ArchivePicture(props: Props) {
  const { question, review, server, place, before, after, isBusy, drafts, goTo, onAnswer } = props;
  const words = useWords();
  const { picture: id, name, folder, suggested } = question;
  const [asked] = useState(question);
  const known = drafts.get(id);
  const [draft, show] = useState(known?.question === asked ? known.draft : firstDraft(asked));
  const setDraft = (to: Draft) => {
    drafts.set(id, { question: asked, draft: to });
    show(to);
  };
  const [text, setText] = useState("");
  const isTooSoon = useTooSoon();
  const url = useBlobUrl(() => server.whole(id), id);
  const views = useMemo(() => tagViews(review.tags), [review.tags]);
  const chip = (key: string): Chip => {
    const probability = suggested.find(([tag]) => `${tag}` === key)?.[1] ?? null;
    const struck = draft.removed.includes(key);
    return { key, name: views[Number(key)]?.name ?? "", probability, taught: probability === null, struck };
  };
  const chips = [...draft.tags.map(chip), ...draft.newNames.map(newNameChip)];
  const offered = [...new Set([...suggested.map(([tag]) => `${tag}`), ...draft.removed])]
    .filter((key) => !draft.tags.includes(key))
    .map(chip);
  const vocabulary = { tags: new Map(views.map((view) => [view.id, view])), terms: NO_TERMS };
  const intended = addTyped(draft, text, vocabulary);
  const names = [...intended.tags.map((key) => views[Number(key)]?.name ?? ""), ...intended.newNames];
  const confirm = () => {
    if (!isBusy) onAnswer(answerOf(review, question, intended));
  };
  const goOn = () => {
    if (!isTooSoon({ timeStamp: performance.now() }) && names.length > 0) confirm(); // else meant for the one before
  };
  useKeys({
    ArrowLeft: before === undefined ? null : () => goTo(before),
    ArrowRight: after === undefined ? null : () => goTo(after),
    Escape: () => goTo(undefined),
    Enter: goOn,
    "/": focusField,
    ...Object.fromEntries(offered.slice(0, 9).map(({ key }, i) => [`${i + 1}`, () => setDraft(add(draft, key))])),
  });
  const step = (to: PictureId | undefined, label: string, icon: "left" | "right") => (
    <button
      type="button"
      class={controls.round}
      aria-label={label}
      disabled={to === undefined}
      onClick={() => goTo(to)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <article class={`${pageStyles.picture} ${styles.alone}`}>
      <header class={pageStyles.head}>
        <a class={controls.round} href="#/" aria-label={words.review.overview}>
          <Icon name="close" />
        </a>
        <div class={pageStyles.title}>
          <h1 class="clip" dir="auto" tabIndex={-1} title={name}>
            {name}
          </h1>
          {folder !== "" && (
            <p class="clip quiet" dir="auto">
              {folder}
            </p>
          )}
        </div>
        <span class={`${pageStyles.place} no-phone`}>{words.picture.place(...place)}</span>
        {step(before, words.picture.previous, "left")}
        {step(after, words.picture.next, "right")}
      </header>
      <div class={pageStyles.stage}>
        {url && <img class={styles.whole} src={url} alt={name} draggable={false} />}
        {url === null && <p class="quiet">{words.problem({ kind: "lostFile" })}</p>}
      </div>
      <section class={editorStyles.editor} aria-label={words.picture.tags}>
        <p class="hidden" role="status">
          {words.picture.spoken(chips, false, false)}
        </p>
        {chips.length === 0 && <p class="quiet">{words.picture.unsure}</p>}
        <TagChips
          chips={chips}
          onRemove={(key) => setDraft(key.startsWith("\n") ? removeName(draft, key.slice(1)) : remove(draft, key))}
        />
        <TagField
          label={words.picture.addTag}
          text={text}
          onText={setText}
          tags={views}
          chosen={draft}
          onTag={(tag) => setDraft(add(draft, tag))}
          onName={(fresh) => setDraft(addName(draft, fresh))}
          onDone={goOn}
        />
        {offered.length > 0 && (
          <>
            <h2 class={texts.label}>{words.picture.perhaps}</h2>
            <CandidateChips chips={offered} onAdd={(key) => setDraft(add(draft, key))} />
          </>
        )}
        <footer class={editorStyles.confirm}>
          <button
            type="button"
            class={`${controls.button} ${controls.big} ${names.length > 0 ? controls.primary : ""}`}
            aria-disabled={isBusy}
            aria-busy={isBusy}
            onClick={(event) => {
              if (event.detail < 2 || !isTooSoon(event)) confirm(); // else a second press of the button before
            }}
          >
            <Icon name={names.length > 0 ? "check" : "close"} />
            <span class="clip" dir="auto">
              {names.length > 0 ? words.picture.confirm(names) : words.review.noneFits}
            </span>
          </button>
        </footer>
      </section>
    </article>
  );
}
