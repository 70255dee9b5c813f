import { useState } from "preact/hooks";
import { version } from "../../package.json";
import { useApp } from "./context";
import { Ask } from "./Dialog";
import { HistoryCard } from "./HistoryCard";
import { Icon } from "./Icon";
import { LessonsCard } from "./LessonsCard";
import { StorageCard } from "./StorageCard";
import { Threshold } from "./Threshold";
import * as words from "./words";

/** The screen of everything else: settings, history, files, storage, and about the app. */
export function MorePage() {
  const { engine, state, library, act } = useApp();
  const [asks, setAsks] = useState(false);
  const { bundle } = library;
  return (
    <section class="page">
      <header class="page-head">
        <h1 tabIndex={-1}>More</h1>
      </header>
      <div class="cards">
        <section class="card" aria-labelledby="how-many">
          <h2 id="how-many">How many tags</h2>
          <Threshold />
        </section>
        <LessonsCard />
        <HistoryCard />
        <StorageCard />
        <section class="card" aria-labelledby="offline">
          <h2 id="offline">Without a network</h2>
          <p class="quiet">{words.offline(state.offline, window.isSecureContext)}</p>
          {state.install !== null && (
            <>
              <p class="quiet">{words.install()}</p>
              <button type="button" class="button" onClick={() => void act(state.install?.() ?? Promise.resolve())}>
                <Icon name="download" />
                Install the app
              </button>
            </>
          )}
        </section>
        <section class="card" aria-labelledby="about">
          <h2 id="about">About</h2>
          <dl class="facts">
            <dt>Bundle</dt>
            <dd dir="auto">{bundle.name}</dd>
            <dt>Variant</dt>
            <dd>
              {bundle.variant}, {bundle.size} × {bundle.size}
            </dd>
            <dt>Tags</dt>
            <dd>
              {bundle.tags.toLocaleString("en")} in the bundle, {library.tags.size.toLocaleString("en")} now
            </dd>
            <dt>Version</dt>
            <dd>{version}</dd>
          </dl>
          <p>
            <a href="./licenses.txt" target="_blank" rel="noreferrer">
              Licences
            </a>
          </p>
        </section>
        <section class="card" aria-labelledby="reset">
          <h2 id="reset">Start over</h2>
          <p class="quiet">{words.resetAll()}</p>
          <button type="button" class="button danger-quiet" onClick={() => setAsks(true)}>
            <Icon name="reset" />
            Reset everything
          </button>
        </section>
      </div>
      {asks && (
        <Ask
          title="Reset everything?"
          text={words.resetAll()}
          yes="Reset everything"
          onYes={() => void act(engine.resetAll(), "All lessons forgotten", true)}
          onClose={() => setAsks(false)}
        />
      )}
    </section>
  );
}
