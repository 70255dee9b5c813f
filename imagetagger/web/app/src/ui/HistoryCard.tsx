import { useState } from "preact/hooks";
import cardStyles from "./Card.module.css";
import { useApp } from "./context";
import controls from "./controls.module.css";
import styles from "./HistoryCard.module.css";
import { Icon } from "./Icon";
import { useWords } from "./language";

const FIRST = 5;

/** The steps, the newest first, with Undo. */
export function HistoryCard() {
  const { library, undo } = useApp();
  const words = useWords();
  const { settings } = words;
  const [all, setAll] = useState(false);
  const { steps } = library;
  const now = Date.now();
  return (
    <section class={cardStyles.card} aria-labelledby="history">
      <h2 id="history">{settings.history}</h2>
      {steps.length === 0 && <p class="quiet">{settings.noHistory}</p>}
      <ol class={styles.steps}>
        {(all ? steps : steps.slice(0, FIRST)).map((step, i) => (
          <li key={step.id}>
            <span class={styles.text}>
              <span dir="auto">{words.step(step.what)}</span>
              <time dateTime={new Date(step.when).toISOString()}>{settings.when(step.when, now)}</time>
            </span>
            {i === 0 && (
              <button type="button" class={`${controls.button} ${controls.small}`} onClick={() => void undo(step.id)}>
                <Icon name="undo" />
                {words.app.undo}
              </button>
            )}
          </li>
        ))}
      </ol>
      {!all && steps.length > FIRST && (
        <button type="button" class={controls.link} onClick={() => setAll(true)}>
          {settings.showAll(steps.length)}
        </button>
      )}
    </section>
  );
}
