/** Reads pictures in a thread of its own. */

import { inThread } from "./thread";
import type { ReadPicture } from "./worker";

/** See `readPicture` of decode.ts. */
export const readPicture = inThread<ReadPicture>(() => new Worker(new URL("./worker.ts", import.meta.url)));
