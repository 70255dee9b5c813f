import { useEffect, useRef, useState } from "preact/hooks";
import { useBlobUrl } from "./blobs";
import styles from "./Camera.module.css";
import { useApp } from "./context";
import controls from "./controls.module.css";
import { Dialog } from "./Dialog";
import { chosen } from "./dropping";
import { FileButton } from "./FileButton";
import { Icon } from "./Icon";
import { useWords } from "./language";
import { addWaiting, cacheNameOf } from "./receiving";
import { canTakePictures, takePicture, useCamera } from "./taking_pictures";
import { storeFile, type WaitingFile } from "./waiting_files";

/** A button to take pictures: many in a row, or one by the device's own camera where the app may not. */
export function CameraButton({ look, small }: { look: string; small: boolean }) {
  const { addFiles } = useApp();
  const { gallery } = useWords();
  const [isOpen, setOpen] = useState(false);
  if (!canTakePictures()) {
    const add = (files: File[]) => void addFiles(chosen(files));
    return <SystemCamera label={gallery.takePictures} look={look} small={small} onFiles={add} />;
  }
  const add = (taken: readonly WaitingFile[]) => {
    setOpen(false);
    void addWaiting(cacheNameOf("camera"), taken, addFiles);
  };
  return (
    <>
      <button type="button" class={look} onClick={() => setOpen(true)}>
        <Icon name="camera" />
        <span class={small ? "hidden" : ""}>{gallery.takePictures}</span>
      </button>
      {isOpen && <Camera onDone={add} />}
    </>
  );
}

interface SystemCameraProps {
  label: string;
  look: string;
  small?: boolean;
  onFiles(files: File[]): void;
}

/** The camera of the device, which takes one picture. */
function SystemCamera(props: SystemCameraProps) {
  const { gallery } = useWords();
  return <FileButton icon="camera" input={gallery.camera} accept="image/*" capture="environment" {...props} />;
}

/** Stores a taken picture until it is added: another tab may take the app over, or the system may close this one. */
function stored(file: File): Promise<WaitingFile> {
  return storeFile(cacheNameOf("camera"), file).catch(() => ({ file, address: null }));
}

/** The screen of the camera; however it closes, also with its screen, the taken pictures are handed over, once. */
function Camera({ onDone }: { onDone(taken: readonly WaitingFile[]): void }) {
  const { act } = useApp();
  const { gallery } = useWords();
  const video = useRef<HTMLVideoElement>(null);
  const shots = useRef<Promise<WaitingFile | undefined>[]>([]);
  const [isShown, setShown] = useState(false);
  const [taken, setTaken] = useState<readonly File[]>([]);
  const isRefused = useCamera(video);
  const last = taken.at(-1);
  const thumbnail = useBlobUrl(async () => last, last?.name ?? "");
  const take = async () => {
    if (video.current === null) return;
    const shot = act(takePicture(video.current, shots.current.length + 1, new Date()).then(stored));
    shots.current.push(shot);
    const picture = await shot;
    if (picture) setTaken((before) => [...before, picture.file]);
  };
  const isClosing = useRef(false);
  const close = async () => {
    if (isClosing.current) return; // pressed twice while the last picture is encoded
    isClosing.current = true;
    onDone((await Promise.all(shots.current)).filter((picture) => picture !== undefined));
  };
  useEffect(() => () => void close(), []);
  return (
    <Dialog title={gallery.takePictures} onClose={() => void close()}>
      {isRefused ? (
        <>
          <p role="alert">{gallery.cameraRefused}</p>
          <SystemCamera
            label={gallery.takeOne}
            look={`${controls.button} ${controls.primary}`}
            onFiles={(files) => onDone(files.map((file) => ({ file, address: null })))}
          />
        </>
      ) : (
        <div class={styles.camera}>
          <video ref={video} autoPlay muted playsInline aria-label={gallery.camera} onPlaying={() => setShown(true)} />
          <div class={styles.bar}>
            <span class={styles.last}>{thumbnail && <img src={thumbnail} alt="" />}</span>
            <button
              type="button"
              class={styles.shutter}
              data-first
              aria-label={gallery.take}
              aria-disabled={!isShown}
              onClick={() => isShown && void take()}
            />
            <button type="button" class={`${controls.button} ${controls.primary}`} onClick={() => void close()}>
              {gallery.done}
            </button>
          </div>
          <p class={`quiet ${styles.count}`} role="status">
            {gallery.taken(taken.length)}
          </p>
        </div>
      )}
    </Dialog>
  );
}
