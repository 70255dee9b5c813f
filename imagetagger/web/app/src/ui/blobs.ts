import { useEffect, useState } from "preact/hooks";

/** An address for an image while the component shows it: undefined while loading, null without an image. */
export function useBlobUrl(load: () => Promise<Blob | undefined>, key: string): string | null | undefined {
  const [shown, setShown] = useState<{ key: string; url: string | null }>();
  // not on `load`, which is a new function at every render: `key` names what it loads
  useEffect(() => {
    let url: string | null = null;
    let over = false;
    const show = (blob: Blob | undefined) => {
      if (over) return;
      url = blob === undefined ? null : URL.createObjectURL(blob);
      setShown({ key, url });
    };
    load().then(show, () => show(undefined));
    return () => {
      over = true;
      if (url !== null) URL.revokeObjectURL(url);
      setShown(undefined);
    };
  }, [key]);
  return shown?.key === key ? shown.url : undefined;
}

/** Downloads a file. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
