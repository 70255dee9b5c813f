import { useState } from "preact/hooks";
import { version } from "../../package.json";
import cardStyles from "./Card.module.css";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Ask } from "./Dialog";
import { HistoryCard } from "./HistoryCard";
import { Icon } from "./Icon";
import { LanguageCard } from "./LanguageCard";
import { LessonsCard } from "./LessonsCard";
import { useWords } from "./language";
import pageStyles from "./Page.module.css";
import { StorageCard } from "./StorageCard";
import { Threshold } from "./Threshold";

/** The screen of everything else: settings, history, files, storage, and about the app. */
export function MorePage() {
  const { engine, state, library, act, change } = useApp();
  const { settings, tags } = useWords();
  const [asks, setAsks] = useState(false);
  const { bundle } = library;
  return (
    <section class={pageStyles.page}>
      <header class={pageStyles.head}>
        <h1 tabIndex={-1}>{settings.title}</h1>
      </header>
      <div class={cardStyles.cards}>
        <section class={cardStyles.card} aria-labelledby="how-many">
          <h2 id="how-many">{settings.suggestions}</h2>
          <Threshold />
        </section>
        <LanguageCard />
        <LessonsCard />
        <HistoryCard />
        <StorageCard />
        <section class={cardStyles.card} aria-labelledby="offline">
          <h2 id="offline">{settings.offline}</h2>
          <p class="quiet">{settings.offlineStates[window.isSecureContext ? state.offline : "insecure"]}</p>
          {state.install !== null && (
            <>
              <p class="quiet">{settings.installText}</p>
              <button
                type="button"
                class={controls.button}
                onClick={() => void act(state.install?.() ?? Promise.resolve())}
              >
                <Icon name="download" />
                {settings.install}
              </button>
            </>
          )}
        </section>
        <section class={cardStyles.card} aria-labelledby="about">
          <h2 id="about">{settings.about}</h2>
          <dl class={cardStyles.facts}>
            <dt>{tags.title}</dt>
            <dd>{settings.knownTags(bundle.tags, library.tags.size)}</dd>
            <dt>{settings.version}</dt>
            <dd>{version}</dd>
          </dl>
          <details>
            <summary>{settings.technical}</summary>
            <dl class={cardStyles.facts}>
              <dt>{settings.tagger}</dt>
              <dd dir="auto">{bundle.name}</dd>
              <dt>{settings.network}</dt>
              <dd>
                {bundle.variant}, {settings.pixels(bundle.size)}
              </dd>
            </dl>
          </details>
          <p>
            <a href="./licenses.txt" target="_blank" rel="noreferrer">
              {settings.licences}
            </a>
          </p>
        </section>
        <section class={cardStyles.card} aria-labelledby="reset">
          <h2 id="reset">{settings.startOver}</h2>
          <p class="quiet">{settings.resetText}</p>
          <button type="button" class={`${controls.button} ${controls.dangerQuiet}`} onClick={() => setAsks(true)}>
            <Icon name="reset" />
            {settings.reset}
          </button>
        </section>
      </div>
      {asks && (
        <Ask
          title={settings.resetTitle}
          text={settings.resetText}
          yes={settings.reset}
          onYes={() => void change(engine.resetAll())}
          onClose={() => setAsks(false)}
        />
      )}
    </section>
  );
}
