import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PictureId } from "../api";
import { type Problem, problemOf } from "../format/problems";
import styles from "./Archive.module.css";
import { ArchiveGroup } from "./ArchiveGroup";
import { ArchivePicture } from "./ArchivePicture";
import {
  type Answer,
  afterAnswers,
  answersOf,
  begin,
  type Group,
  groupsOf,
  MOST_ANSWERS,
  type Question,
  type Review,
  withTicks,
} from "./archive_review";
import type { ReviewServer } from "./archive_server";
import type { Draft } from "./draft";
import emptyStyles from "./Empty.module.css";
import { neighbours, steadyOrder } from "./filter";
import { Icon } from "./Icon";
import { useWords } from "./language";
import { Toasts } from "./Notices";
import noticesStyles from "./Notices.module.css";
import { goToPicture, pictureHref, useRoute } from "./route";
import type { Toast } from "./state";

/** The page that asks about the pictures of an archive. */
export function ArchiveReview({ server: connecting }: { server: Promise<ReviewServer> }) {
  const { problem, review: words } = useWords();
  const [opened, setOpened] = useState<{ server: ReviewServer; review: Review } | null>(null);
  const [failure, setFailure] = useState<Problem | null>(null);
  useEffect(() => {
    const open = async () => {
      const server = await connecting;
      setOpened({ server, review: begin(await server.questions()) });
    };
    open().catch((error: unknown) => setFailure(problemOf(error)));
  }, [connecting]);
  useEffect(() => {
    document.title = `${words.title} · imagetagger`;
  }, [words]);
  if (failure !== null)
    return (
      <main>
        <section class={emptyStyles.empty} role="alert">
          <h1>{words.title}</h1>
          <p>{problem(failure)}</p>
        </section>
      </main>
    );
  if (opened === null) return <main aria-busy="true" />;
  return <Opened server={opened.server} first={opened.review} />;
}

/** Stores answers part by part: what is stored is shown, whatever becomes of the rest. */
function useReview(server: ReviewServer, first: Review) {
  const words = useWords();
  const [review, setReview] = useState(first);
  const [toast, setToast] = useState<Toast | null>(null);
  const [progress, setProgress] = useState<{ done: number; total: number } | null>(null);
  const isBusy = useRef(false);
  /** Returns whether all of them are stored. */
  const answer = async (answers: readonly Answer[], looked?: ReadonlySet<PictureId>): Promise<boolean> => {
    if (isBusy.current || answers.length === 0) return false;
    isBusy.current = true;
    setToast(null); // screen readers then announce equal words again
    let stored = 0;
    const show = (text: string, kind: Toast["kind"]) => setToast({ text, kind, undo: null });
    const problems: { picture: PictureId; text: string }[] = [];
    try {
      for (let at = 0; at < answers.length; at += MOST_ANSWERS) {
        setProgress({ done: at, total: answers.length });
        const part = answers.slice(at, at + MOST_ANSWERS);
        const answered = await server.answer(part);
        problems.push(...answered.problems);
        stored += answered.pictures.length;
        setReview((before) => afterAnswers(before, part, answered, looked));
      }
      const [one, ...others] = problems;
      const file = one && (review.pictures.get(one.picture)?.name ?? one.picture);
      if (one) show(words.review.failed(file ?? "", one.text, others.length), "alert");
      else show(words.review.stored(stored), "status");
    } catch (error) {
      show(words.problem(problemOf(error)), "alert");
    }
    isBusy.current = false;
    setProgress(null);
    return stored === answers.length;
  };
  return { review, setReview, answer, progress, toast, setToast };
}

/** Focuses a picture's square as soon as it is drawn, which takes a frame or two after the list has come; else the title. */
function focusTile(id: PictureId | null, frames = 60): void {
  if (document.activeElement !== document.body) return;
  const tile = [...document.querySelectorAll<HTMLElement>("[data-id]")].find((each) => each.dataset.id === id);
  if (tile || id === null || frames === 0)
    (tile ?? document.querySelector<HTMLElement>("main h1"))?.focus({ preventScroll: true });
  else requestAnimationFrame(() => focusTile(id, frames - 1));
}

function Opened({ server, first }: { server: ReviewServer; first: Review }) {
  const words = useWords();
  const { review, setReview, answer, progress, toast, setToast } = useReview(server, first);
  const route = useRoute();
  const last = useRef<PictureId | null>(null);
  const scroll = useRef(0);
  const [drafts] = useState(() => new Map<PictureId, { question: Question; draft: Draft }>());
  const isBusy = useRef(false); // then ticks stay as they are sent
  isBusy.current = progress !== null;
  const groups = useMemo(() => groupsOf(review), [review.pictures, review.order]);
  const ids = useMemo(() => groups.flatMap((group) => group.ids), [groups]);
  const before = useRef<readonly PictureId[]>([]);
  const steady = route.page === "picture" ? steadyOrder(before.current, ids, route.id) : ids;
  before.current = steady;
  const question = route.page === "picture" ? review.pictures.get(route.id) : undefined;
  const isAlone = question !== undefined;
  useLayoutEffect(() => {
    if (isAlone) {
      window.scrollTo(0, 0);
      document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
      return;
    }
    window.scrollTo(0, scroll.current);
    const remember = () => {
      scroll.current = window.scrollY;
    };
    window.addEventListener("scroll", remember, { passive: true });
    focusTile(last.current);
    return () => window.removeEventListener("scroll", remember);
  }, [isAlone, question?.picture]);
  const onTick = useCallback(
    (id: PictureId, isTicked: boolean) => {
      if (!isBusy.current) setReview((now) => withTicks(now, [id], isTicked));
    },
    [setReview],
  );
  const close = useCallback(() => setToast(null), [setToast]); // or each drawing would restart the toast's time
  const isStoring = progress !== null;
  useEffect(() => {
    if (!isStoring) return;
    const ask = (event: Event) => event.preventDefault(); // the browser asks whether to leave
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isStoring]);
  const onFocus = useCallback((id: PictureId) => {
    last.current = id;
  }, []);
  const confirm = async (group: Group) => {
    const place = groups.indexOf(group);
    await answer(answersOf(review, group));
    requestAnimationFrame(() => {
      if (document.activeElement !== document.body) return;
      const titles = document.querySelectorAll<HTMLElement>("main section > header h2");
      (titles[place] ?? document.querySelector<HTMLElement>("main h1"))?.focus({ preventScroll: true });
    });
  };
  const goTo = (id: PictureId | undefined) => {
    if (id === undefined) window.location.hash = "#/";
    else goToPicture(id, true);
  };
  const confirmAlone = async (of: Question, given: Answer) => {
    const { after, before: previous } = neighbours(steady, of.picture);
    if (!(await answer([{ ...given, looked: true }], new Set([of.picture])))) return;
    if (window.location.hash === pictureHref(of.picture)) goTo(after ?? previous); // or the person went on meanwhile
  };
  return (
    <>
      <main>
        {question ? (
          <ArchivePicture
            key={question.picture}
            question={question}
            review={review}
            server={server}
            place={[steady.indexOf(question.picture) + 1, steady.length]}
            {...neighbours(steady, question.picture)}
            isBusy={progress !== null}
            drafts={drafts}
            goTo={goTo}
            onAnswer={(given) => void confirmAlone(question, given)}
          />
        ) : (
          <>
            <header class={styles.top}>
              <h1 tabIndex={-1}>{words.review.title}</h1>
              <p class="quiet" role="status">
                {words.review.left(ids.length)}
              </p>
            </header>
            {ids.length === 0 ? (
              <section class={emptyStyles.empty}>
                <p class={styles.finished}>
                  <Icon name="check" />
                  {words.review.finished}
                </p>
                <p>{words.review.finishedText}</p>
                {review.more > 0 && <p>{words.review.more(review.more)}</p>}
              </section>
            ) : (
              <p class={`${styles.introduction} quiet`}>
                {words.review.introduction}
                {review.more > 0 && ` ${words.review.more(review.more)}`}
              </p>
            )}
            {groups.map((group) => (
              <ArchiveGroup
                key={group.tag}
                group={group}
                review={review}
                server={server}
                start={last.current}
                isBusy={progress !== null}
                onFocus={onFocus}
                onTick={onTick}
                onTickAll={(isTicked) => {
                  if (!isBusy.current) setReview((now) => withTicks(now, group.ids, isTicked));
                }}
                onConfirm={() => void confirm(group)}
              />
            ))}
          </>
        )}
      </main>
      <div class={noticesStyles.notices}>
        <Toasts toast={toast} onUndo={() => {}} onClose={close} />
        {progress && progress.total > MOST_ANSWERS && (
          <section class={noticesStyles.progress} aria-label={words.review.title}>
            <span class="clip grow">{words.review.storing(progress.done, progress.total)}</span>
            <progress aria-label={words.review.title} value={progress.done} max={progress.total} />
          </section>
        )}
      </div>
    </>
  );
}
