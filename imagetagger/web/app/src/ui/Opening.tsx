import type { Progress as Work } from "../api";
import type { Problem } from "../format/problems";
import controls from "./controls.module.css";
import emptyStyles from "./Empty.module.css";
import filterBarStyles from "./FilterBar.module.css";
import gridStyles from "./Grid.module.css";
import { useWords } from "./language";
import styles from "./Opening.module.css";
import { takeOver } from "./taking_over";

/** The screen of pictures while the app opens. */
export function Skeleton({ progress }: { progress: Work | null }) {
  const { app } = useWords();
  return (
    <div class={styles.skeleton} aria-busy="true">
      <h1 class="hidden">{app.pictures}</h1>
      <p class={styles.opening} role="status">
        {progress === null
          ? app.opening
          : `${app.progress(progress)} ${app.progressCount(progress.done, progress.total)}`}
      </p>
      <div class={filterBarStyles.filterbar}>
        <span class={`${styles.ghost} ${styles.wide}`} />
        <span class={styles.ghost} />
      </div>
      <div class={`${gridStyles.grid} ${styles.squares}`}>
        {Array.from({ length: 18 }, (_, i) => (
          <span key={i} class={`${styles.ghost} ${styles.square}`} />
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
    <section class={`${emptyStyles.empty} ${styles.failure}`} role="alert">
      <h1>{isElsewhere ? app.failedElsewhere : app.failed}</h1>
      <p dir="auto">{problem(failure)}</p>
      {failure.kind !== "noStorage" && <p class="quiet">{app.safe}</p>}
      <button
        type="button"
        class={`${controls.button} ${controls.primary}`}
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
