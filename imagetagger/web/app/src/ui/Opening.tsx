import type { Progress as Work } from "../api";
import type { Failure } from "./state";
import { takeOver } from "./taking_over";
import * as words from "./words";

/** The screen of pictures while the app opens. */
export function Skeleton({ progress }: { progress: Work | null }) {
  return (
    <div class="skeleton" aria-busy="true">
      <h1 class="hidden">Pictures</h1>
      <p class="opening" role="status">
        {progress === null ? words.opening() : `${progress.what} ${words.progress(progress.done, progress.total)}`}
      </p>
      <div class="filterbar">
        <span class="ghost wide" />
        <span class="ghost" />
      </div>
      <div class="grid">
        {Array.from({ length: 18 }, (_, i) => (
          <span key={i} class="ghost square" />
        ))}
      </div>
    </div>
  );
}

/** Why the app could not be opened. */
export function FailureScreen({ failure: { why, isElsewhere } }: { failure: Failure }) {
  return (
    <section class="empty failure" role="alert">
      <h1>{words.failureTitle(isElsewhere)}</h1>
      <p dir="auto">{why}</p>
      {words.isSafe(why) && <p class="quiet">{words.safe()}</p>}
      <button
        type="button"
        class="button primary"
        onClick={() => {
          if (isElsewhere) takeOver();
          window.location.reload();
        }}
      >
        {words.again(isElsewhere)}
      </button>
    </section>
  );
}
