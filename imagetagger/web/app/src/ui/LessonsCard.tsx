import { saveFile } from "./blobs";
import cardStyles from "./Card.module.css";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { FileButton } from "./FileButton";
import { Icon } from "./Icon";
import { useWords } from "./language";
import texts from "./texts.module.css";

/** Files in and out: what was taught for another device, tags for a table. */
export function LessonsCard() {
  const { engine, act, change } = useApp();
  const { settings } = useWords();
  const day = new Date().toISOString().slice(0, 10);
  const save = async (work: Promise<Blob>, name: string) => {
    const blob = await act(work);
    if (blob !== undefined) saveFile(blob, name);
  };
  const take = ([file]: File[]) => {
    if (file === undefined) return;
    void change(engine.importLessons(file), ({ pictures, tags }) => settings.imported(pictures, tags));
  };
  return (
    <section class={cardStyles.card} aria-labelledby="taught">
      <h2 id="taught">{settings.taught}</h2>
      <p class="quiet">{settings.taughtText}</p>
      <p class={cardStyles.note}>
        <Icon name="lock" />
        {settings.exportNote}
      </p>
      <div class={cardStyles.buttons}>
        <button
          type="button"
          class={controls.button}
          onClick={() => void save(engine.exportLessons(), `${settings.taughtFile}-${day}.zip`)}
        >
          <Icon name="download" />
          {settings.export}
        </button>
        <FileButton
          icon="upload"
          label={settings.import}
          look={controls.button}
          input={settings.importFile}
          accept=".zip,application/zip"
          onFiles={take}
        />
      </div>
      <h3 class={texts.label}>{settings.table}</h3>
      <div class={cardStyles.buttons}>
        <button
          type="button"
          class={controls.button}
          onClick={() => void save(engine.exportTags("csv"), `${settings.tagsFile}-${day}.csv`)}
        >
          <Icon name="download" />
          CSV
        </button>
        <button
          type="button"
          class={controls.button}
          onClick={() => void save(engine.exportTags("json"), `${settings.tagsFile}-${day}.json`)}
        >
          <Icon name="download" />
          JSON
        </button>
      </div>
      <h3 class={texts.label}>{settings.photoManagers}</h3>
      <p class="quiet">{settings.sidecars}</p>
      <div class={cardStyles.buttons}>
        <button
          type="button"
          class={controls.button}
          onClick={() => void save(engine.exportTags("xmp"), `${settings.sidecarsFile}-${day}.zip`)}
        >
          <Icon name="download" />
          {settings.sidecarsButton}
        </button>
      </div>
    </section>
  );
}
