import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Whether pictures can be taken inside of the app; not without HTTPS. */
export const canTakePictures = () => navigator.mediaDevices?.getUserMedia !== undefined;

/** The camera on the far side, if there are several, in a shape that phones have; more pixels than a preview shows. */
const WISH: MediaStreamConstraints = {
  video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1440 } },
};

/** Shows the camera in a video element until the component goes; returns whether it was refused. */
export function useCamera(video: RefObject<HTMLVideoElement | null>): boolean {
  const [isRefused, setRefused] = useState(false);
  useEffect(() => {
    let isOver = false;
    let stream: MediaStream | undefined;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    navigator.mediaDevices.getUserMedia(WISH).then(
      (opened) => {
        stream = opened;
        if (isOver) stop();
        else if (video.current) video.current.srcObject = opened;
      },
      () => setRefused(true),
    );
    return () => {
      isOver = true;
      stop();
    };
  }, []);
  return isRefused;
}

/** Returns what a video shows, as a JPEG named by the time and its number, as several are taken in a second. */
export async function takePicture(video: HTMLVideoElement, number: number, now: Date): Promise<File> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  return new File([blob], pictureName(number, now), { type: blob.type, lastModified: now.getTime() });
}

/** The name of a taken picture, by local time: `2026-05-01 18.30.00 (2).jpg`. */
export function pictureName(number: number, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(".");
  return `${date} ${time} (${number}).jpg`;
}
