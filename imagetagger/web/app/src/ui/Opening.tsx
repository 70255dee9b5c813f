import type { Progress as Work } from "../api";
import type { Problem } from "../format/problems";
import { useWords } from "./language";
import { takeOver } from "./taking_over";

/** The screen of pictures while the app opens. */
export function Skeleton({ progress }: { progress: Work | null }) {
  const { app } = useWords();
  return (
    <div class="skeleton" aria-busy="true">
      <h1 class="hidden">{app.pictures}</h1>
      <p class="opening" role="status">
        {progress === null
          ? app.opening
          : `${app.progress(progress)} ${app.progressCount(progress.done, progress.total)}`}
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
export function FailureScreen({ failure }: { failure: Problem }) {
  const { app, problem } = useWords();
  const isElsewhere = failure.kind === "elsewhere" || failure.kind === "takenOver";
  return (
    <section class="empty failure" role="alert">
      <h1>{isElsewhere ? app.failedElsewhere : app.failed}</h1>
      <p dir="auto">{problem(failure)}</p>
      {failure.kind !== "noStorage" && <p class="quiet">{app.safe}</p>}
      <button
        type="button"
        class="button primary"
        onClick={() => {
          if (isElsewhere) takeOver();
          window.location.reload();
        }}
      >
        {isElsewhere ? app.useHere : app.again}
      </button>
    </section>
  );
}
