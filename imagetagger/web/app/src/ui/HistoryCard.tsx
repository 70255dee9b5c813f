import { useState } from "preact/hooks";
import { useApp } from "./context";
import { Icon } from "./Icon";
import * as words from "./words";

const FIRST = 5;

/** The steps, the newest first, with Undo. */
export function HistoryCard() {
  const { library, undo } = useApp();
  const [all, setAll] = useState(false);
  const { steps } = library;
  const now = Date.now();
  return (
    <section class="card" aria-labelledby="history">
      <h2 id="history">History</h2>
      {steps.length === 0 && <p class="quiet">Nothing was changed yet.</p>}
      <ol class="steps">
        {(all ? steps : steps.slice(0, FIRST)).map((step, i) => (
          <li key={step.id}>
            <span class="step-text">
              <span dir="auto">{step.what}</span>
              <time dateTime={new Date(step.when).toISOString()}>{words.when(step.when, now)}</time>
            </span>
            {i === 0 && (
              <button type="button" class="button small" onClick={() => void undo(step.id)}>
                <Icon name="undo" />
                Undo
              </button>
            )}
          </li>
        ))}
      </ol>
      {!all && steps.length > FIRST && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          Show all {steps.length.toLocaleString("en")}
        </button>
      )}
    </section>
  );
}
