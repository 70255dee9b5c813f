import { CameraButton } from "./Camera";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { canChooseFolder, chosen, chosenFolder } from "./dropping";
import styles from "./Empty.module.css";
import { FileButton } from "./FileButton";
import { Icon } from "./Icon";
import { useWords } from "./language";
import texts from "./texts.module.css";

/** Buttons to add pictures: from files, folders and, on touch screens, the camera; with words or as icons. */
export function AddButtons({ camera: wide = true, files: long = true }: { camera?: boolean; files?: boolean }) {
  const { addFiles, addFound } = useApp();
  const { gallery } = useWords();
  return (
    <div class={styles.add}>
      <CameraButton
        look={wide ? `${controls.button} touch-only` : `${controls.button} ${controls.dot} touch-only`}
        small={!wide}
      />
      {canChooseFolder() && (
        <FileButton
          icon="folder"
          label={gallery.chooseFolder}
          look={wide ? `${controls.button} no-touch` : `${controls.button} ${controls.dot} no-touch`}
          small={!wide}
          input={gallery.folder}
          webkitdirectory
          onFiles={(files) => void addFound(Promise.resolve(chosenFolder(files)))}
        />
      )}
      <FileButton
        icon="plus"
        label={gallery.choose}
        look={long ? `${controls.button} ${controls.primary}` : `${controls.button} ${controls.dot}`}
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
    <section class={styles.empty}>
      <svg class={styles.stack} viewBox="0 0 200 150" aria-hidden="true">
        <rect class={styles.back} x="62" y="14" width="104" height="104" rx="14" transform="rotate(9 114 66)" />
        <rect class={styles.front} x="34" y="24" width="108" height="108" rx="14" />
        <path class={styles.hills} d="M44 112l26-32 18 20 14-15 30 33v0a8 8 0 0 1-6 4H52a8 8 0 0 1-8-10z" />
        <circle class={styles.sun} cx="112" cy="56" r="10" />
        <path class={styles.tag} d="M126 104h44a8 8 0 0 1 8 8v12a8 8 0 0 1-8 8h-44l-14-14z" />
        <circle class={styles.hole} cx="130" cy="118" r="3.5" />
        <path class={styles.line} d="M142 118h24" />
      </svg>
      <h1 tabIndex={-1}>{gallery.hello}</h1>
      <p>{gallery.introduction}</p>
      {library.bundle.knowsDrawingsOnly && <p class={texts.notice}>{gallery.drawings}</p>}
      <AddButtons />
      <p class={`${styles.hint} no-touch`}>{gallery.orDrop}</p>
      <ul class={styles.points}>
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
