import { useState } from "preact/hooks";
import { requestPersistence } from "./browser";
import { useApp } from "./context";

/**
 * Teaches one step at a time, with Undo; once there is something to lose, asks the browser to keep it.
 *
 * `teach` returns whether the step was done: not while another is, nor where it failed, which is shown.
 */
export function useLesson() {
  const { change } = useApp();
  const [busy, setBusy] = useState(false);
  const teach = async (begin: () => Promise<void>): Promise<boolean> => {
    if (busy) return false;
    setBusy(true);
    const isDone = await change(begin());
    setBusy(false);
    if (isDone) requestPersistence();
    return isDone;
  };
  return { busy, teach };
}
