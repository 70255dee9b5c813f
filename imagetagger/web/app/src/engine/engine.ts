/** The worker's side of api.ts: what each call of the page does to the session. */

import type { Engine, Incoming, StorageView } from "../api";
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
  const session = () => {
    if (!opened) throw new Error("The app is not open yet.");
    return opened;
  };
  const changing = <T>(act: (session: Session) => Promise<T>) => session().changing(() => act(session()));
  return {
    async open(listen, takesOver = false) {
      startReader();
      const giveUp = async () => {
        await opening.catch(() => {});
        await opened?.changing(async () => {
          cancelled = true; // not before: what is left of an addition would no longer be noted
          opened?.db.close();
        });
        listen({ elsewhere: true });
      };
      const opening = open(base, listen, { takesOver, giveUp });
      const { session: current, ...news } = await opening;
      opened = current;
      void suggest(current, []);
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
    add() {
      cancelled = false;
      return add(session(), waiting.splice(0), () => cancelled);
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

async function storage(): Promise<StorageView> {
  if (!navigator.storage) return { persisted: null, used: null, quota: null };
  const [persisted, { usage, quota }] = await Promise.all([
    navigator.storage.persisted(),
    navigator.storage.estimate(),
  ]);
  return { persisted, used: usage ?? null, quota: quota ?? null };
}
