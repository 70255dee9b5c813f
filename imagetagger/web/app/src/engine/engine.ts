/** The worker's side of api.ts: what each call of the page does to the session. */

import type { Engine, Incoming, StorageView } from "../api";
import { problemOf, UserError } from "../format/problems";
import { startReader } from "../pixels/reader";
import { add } from "./adding";
import { write } from "./database";
import { exportLessons, exportTags } from "./exporting";
import { importLessons } from "./importing";
import { open } from "./opening";
import type { Session } from "./session";
import { undo } from "./steps";
import { suggest } from "./suggestions";
import * as teaching from "./teaching";
import { bundleView, pictureView, shown, stepViews, tagViews, termViews, thresholdView } from "./views";

/**
 * Makes the engine of an app.
 *
 * @param base address of the app's folder, with a slash at its end.
 */
export function engine(base: string): Engine {
  let opened: Session | undefined;
  const waiting: Incoming[] = [];
  let cancelled = false;
  let isNoted = false; // that pictures of this session are not finished
  const session = () => {
    if (!opened) throw new Error("The app is not open yet.");
    return opened;
  };
  let ready: Promise<void>; // once the model is loaded
  const changing = <T>(act: (session: Session) => Promise<T>) =>
    session().changing(async () => {
      await ready; // before anything is stored
      return act(session());
    });
  return {
    async open(listen, takesOver = false) {
      startReader();
      const takenOver = new AbortController();
      const { signal } = takenOver;
      const giveUp = async () => {
        takenOver.abort(new UserError({ kind: "takenOver" }));
        await opening.catch(() => {});
        await opened?.changing(async () => {
          cancelled = true; // not before: what is left of an addition would no longer be noted
          opened?.db.close();
        });
        listen({ failure: { kind: "takenOver" } });
      };
      const opening = open(base, listen, { takesOver, giveUp, signal });
      const { session: current, ...news } = await opening;
      opened = current;
      ready = begin(current, () => isNoted);
      ready.then(
        () => void suggest(current, []),
        (error: unknown) => {
          if (!signal.aborted) listen({ failure: problemOf(error) });
        },
      );
      const pictures = shown(current).flatMap((id) => pictureView(current, id) ?? []);
      const views = {
        bundle: bundleView(current),
        terms: termViews(current),
        tags: tagViews(current),
        steps: stepViews(current),
      };
      return { ...views, pictures, threshold: thresholdView(current), ...news };
    },
    async take(files) {
      waiting.push(...files);
    },
    async add() {
      cancelled = false;
      const { db } = session();
      const files = waiting.splice(0);
      const total = files.length;
      isNoted = true;
      await write(db, { unfinished: { left: total, total } }).catch(() => {}); // on a full device pictures may fit again
      await ready;
      return add(session(), files, () => cancelled);
    },
    cancel() {
      cancelled = true;
    },
    crop: (picture) => session().db.get("squares", picture),
    preview: (picture) => session().db.get("previews", picture),
    confirm: (picture, tags, names) => changing((now) => teaching.confirm(now, picture, tags, names)),
    confirmAll: (pictures, rejected) => changing((now) => teaching.confirmAll(now, pictures, rejected)),
    dismiss: (pictures) => changing((now) => teaching.dismiss(now, pictures)),
    teach: (pictures, tags, names) => changing((now) => teaching.teach(now, pictures, tags, names)),
    remove: (pictures, forget) => changing((now) => teaching.remove(now, pictures, forget)),
    addTag: (name) => changing((now) => teaching.add(now, name)),
    renameTag: (tag, name) => changing((now) => teaching.rename(now, tag, name)),
    mergeTags: (tag, into) => changing((now) => teaching.merge(now, tag, into)),
    removeTag: (tag) => changing((now) => teaching.removeOne(now, tag)),
    hideTag: (tag, isHidden) => changing((now) => teaching.hide(now, tag, isHidden)),
    resetTag: (tag) => changing((now) => teaching.reset(now, tag)),
    resetAll: () => changing(teaching.resetAll),
    async undo(step) {
      const { id, what, when } = await changing((now) => undo(now, step));
      return { id, what, when };
    },
    setThreshold: (value) =>
      changing(async (now) => {
        const settings = { threshold: value };
        await write(now.db, { settings });
        now.settings = settings;
        now.listen({ threshold: thresholdView(now) });
        void suggest(now, []);
      }),
    exportLessons: () => exportLessons(session()),
    importLessons: (file) => changing((now) => importLessons(now, file)),
    exportTags: (format) => changing((now) => exportTags(now, format)),
    storage,
  };
}

/**
 * Loads the model, once the page has the stored state: that it loads keeps the worker busy.
 *
 * @param isNoted whether the note about unfinished pictures is a newer one than the page has shown: then it stays.
 */
async function begin(session: Session, isNoted: () => boolean): Promise<void> {
  await new Promise((resume) => setTimeout(resume));
  await session.computing(async () => {});
  if (!isNoted()) await write(session.db, { unfinished: null }).catch(() => {}); // otherwise it is shown again
}

async function storage(): Promise<StorageView> {
  if (!navigator.storage) return { persisted: null, used: null, quota: null };
  const [persisted, { usage, quota }] = await Promise.all([
    navigator.storage.persisted(),
    navigator.storage.estimate(),
  ]);
  return { persisted, used: usage ?? null, quota: quota ?? null };
}
