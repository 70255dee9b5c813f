import { CameraButton } from "./Camera";
import { useApp } from "./context";
import { canChooseFolder, chosen, chosenFolder } from "./dropping";
import { FileButton } from "./FileButton";
import { Icon } from "./Icon";
import { useWords } from "./language";

/** Buttons to add pictures: from files, folders and, on touch screens, the camera; with words or as icons. */
export function AddButtons({ camera: wide = true, files: long = true }: { camera?: boolean; files?: boolean }) {
  const { act, addFiles } = useApp();
  const { app, gallery } = useWords();
  const onFolder = (files: File[]) => {
    const pictures = chosenFolder(files);
    if (pictures.length === 0) void act(Promise.resolve(), () => app.nothingFound);
    else void addFiles(pictures);
  };
  return (
    <div class="add">
      <CameraButton look={wide ? "button touch-only" : "button dot touch-only"} small={!wide} />
      {canChooseFolder() && (
        <FileButton
          icon="folder"
          label={gallery.chooseFolder}
          look={wide ? "button no-touch" : "button dot no-touch"}
          small={!wide}
          input={gallery.folder}
          webkitdirectory
          onFiles={onFolder}
        />
      )}
      <FileButton
        icon="plus"
        label={gallery.choose}
        look={long ? "button primary" : "button dot"}
        small={!long}
        input={gallery.files}
        accept="image/*"
        multiple
        onFiles={(files) => void addFiles(chosen(files))}
      />
    </div>
  );
}

/** The first screen, before there is a picture. */
export function Empty() {
  const { library } = useApp();
  const { gallery } = useWords();
  return (
    <section class="empty">
      <svg class="stack" viewBox="0 0 200 150" aria-hidden="true">
        <rect class="back" x="62" y="14" width="104" height="104" rx="14" transform="rotate(9 114 66)" />
        <rect class="front" x="34" y="24" width="108" height="108" rx="14" />
        <path class="hills" d="M44 112l26-32 18 20 14-15 30 33v0a8 8 0 0 1-6 4H52a8 8 0 0 1-8-10z" />
        <circle class="sun" cx="112" cy="56" r="10" />
        <path class="label" d="M126 104h44a8 8 0 0 1 8 8v12a8 8 0 0 1-8 8h-44l-14-14z" />
        <circle class="hole" cx="130" cy="118" r="3.5" />
        <path class="line" d="M142 118h24" />
      </svg>
      <h1 tabIndex={-1}>{gallery.hello}</h1>
      <p>{gallery.introduction}</p>
      {library.bundle.knowsDrawingsOnly && <p class="notice">{gallery.drawings}</p>}
      <AddButtons />
      <p class="hint no-touch">{gallery.orDrop}</p>
      <ul class="points">
        <li>
          <Icon name="lock" />
          {gallery.private}
        </li>
        <li>
          <Icon name="learn" />
          {gallery.knows(library.tags.size)}
        </li>
        <li>
          <Icon name="offline" />
          {gallery.worksOffline}
        </li>
      </ul>
    </section>
  );
}
