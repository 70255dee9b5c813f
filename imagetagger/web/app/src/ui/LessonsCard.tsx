import { saveFile } from "./blobs";
import { useApp } from "./context";
import { FileButton } from "./FileButton";
import { Icon } from "./Icon";
import * as words from "./words";

/** Files in and out: lessons for another device, tags for a table. */
export function LessonsCard() {
  const { engine, act } = useApp();
  const day = new Date().toISOString().slice(0, 10);
  const save = async (work: Promise<Blob>, name: string) => {
    const blob = await act(work);
    if (blob !== undefined) saveFile(blob, name);
  };
  const take = ([file]: File[]) => {
    if (file !== undefined) void act(engine.importLessons(file), words.imported, true);
  };
  return (
    <section class="card" aria-labelledby="lessons">
      <h2 id="lessons">Lessons</h2>
      <p class="quiet">{words.lessons()}</p>
      <p class="note">
        <Icon name="lock" />
        {words.exportNote()}
      </p>
      <div class="buttons">
        <button type="button" class="button" onClick={() => void save(engine.exportLessons(), `lessons-${day}.zip`)}>
          <Icon name="download" />
          Export lessons
        </button>
        <FileButton
          icon="upload"
          label="Import lessons"
          look="button"
          input="Lessons file"
          accept=".zip,application/zip"
          onFiles={take}
        />
      </div>
      <h3 class="label">The tags of your pictures, as a table</h3>
      <div class="buttons">
        <button type="button" class="button" onClick={() => void save(engine.exportTags("csv"), `tags-${day}.csv`)}>
          <Icon name="download" />
          CSV
        </button>
        <button type="button" class="button" onClick={() => void save(engine.exportTags("json"), `tags-${day}.json`)}>
          <Icon name="download" />
          JSON
        </button>
      </div>
      <h3 class="label">For photo managers</h3>
      <p class="quiet">{words.sidecars()}</p>
      <div class="buttons">
        <button type="button" class="button" onClick={() => void save(engine.exportTags("xmp"), `sidecars-${day}.zip`)}>
          <Icon name="download" />
          XMP sidecars
        </button>
      </div>
    </section>
  );
}
