/** Reads pictures in a thread of its own. */

import { inThread } from "./thread";
import type { ReadPicture } from "./worker";

/** See `readPicture` of decode.ts. */
export const readPicture = inThread<ReadPicture>(() => new Worker(new URL("./worker.ts", import.meta.url)));

/** Starts the thread before there is a picture, so that the first one does not wait; an empty file is refused at once. */
export function startReader(): void {
  readPicture(new Blob(), 1, 1).catch(() => {}); // the first picture reports a thread that cannot be started
}
