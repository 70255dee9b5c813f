import { useEffect, useState } from "preact/hooks";

/** Dropped files as they are, and the pictures of dropped folders, those of folders inside too. */
export async function dropped(items: Iterable<DataTransferItem>): Promise<File[]> {
  const found = [...items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() })); // at once: a drop's items do not last
  const files = [];
  for (const { entry, file } of found) {
    if (entry?.isDirectory) files.push(...(await picturesIn(entry as FileSystemDirectoryEntry)));
    else if (file !== null) files.push(file);
  }
  return files;
}

async function picturesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const files = [];
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory) files.push(...(await picturesIn(entry as FileSystemDirectoryEntry)));
    else files.push(await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed)));
  }
  return files.filter(({ name, type }) => type.startsWith("image/") || /\.(hei[cf]|avif)$/i.test(name)); // typeless on some systems
}

/** A reader gives some at a time, and none when it is done. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return all.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    all.push(...some);
  }
}

/** Takes files that are dropped or pasted anywhere; says whether some hang over the page. */
export function useDropAndPaste(take: (files: Promise<readonly File[]>) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const onOver = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      take(dropped(event.dataTransfer?.items ?? []));
    };
    const onPaste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) take(Promise.resolve(files));
    };
    document.addEventListener("dragover", onOver);
    document.addEventListener("dragleave", onLeave);
    document.addEventListener("drop", onDrop);
    document.addEventListener("paste", onPaste);
    return () => {
      document.removeEventListener("dragover", onOver);
      document.removeEventListener("dragleave", onLeave);
      document.removeEventListener("drop", onDrop);
      document.removeEventListener("paste", onPaste);
    };
  }, [take]);
  return over;
}
