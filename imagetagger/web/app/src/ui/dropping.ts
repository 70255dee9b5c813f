import { useEffect, useState } from "preact/hooks";
import type { Incoming } from "../api";

/** Returns dropped files, and the pictures of dropped folders, recursively. */
export async function dropped(items: Iterable<DataTransferItem>): Promise<Incoming[]> {
  const entries = [...items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() })); // at once: the items of a drop expire
  const files: Incoming[] = [];
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) files.push(...(await picturesIn(entry as FileSystemDirectoryEntry)));
    else if (file !== null) files.push({ file, folder: "" });
  }
  return files;
}

/** Files as a field gives them: those of a chosen folder know it. */
export function chosen(files: Iterable<File>): Incoming[] {
  return Array.from(files, (file) => ({ file, folder: folderOf(file.webkitRelativePath) }));
}

/** Whether the browser lets the user choose a folder. */
export const canChooseFolder = () => "webkitdirectory" in HTMLInputElement.prototype;

/** Returns the pictures of a chosen folder, and of those in it, in the order of their names. */
export function chosenFolder(files: Iterable<File>): Incoming[] {
  const byPath = (a: File, b: File) => compare(a.webkitRelativePath, b.webkitRelativePath);
  return chosen([...files].filter(isPicture).sort(byPath));
}

/** Whether a file of a folder is a picture, by its name where the system gives it no type. */
function isPicture({ name, type }: File): boolean {
  return type.startsWith("image/") || /\.(hei[cf]|avif)$/i.test(name);
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

async function picturesIn(folder: FileSystemDirectoryEntry): Promise<Incoming[]> {
  const files: Incoming[] = [];
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory) files.push(...(await picturesIn(entry as FileSystemDirectoryEntry)));
    else {
      const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
      files.push({ file, folder: folderOf(entry.fullPath) });
    }
  }
  return files.filter(({ file }) => isPicture(file));
}

function folderOf(path: string): string {
  return path.split("/").slice(0, -1).filter(Boolean).join("/");
}

/** Reads all entries: a reader returns a part of them at a time, and none at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (batch.length === 0) return all.sort((a, b) => compare(a.name, b.name));
    all.push(...batch);
  }
}

/** Takes files dropped or pasted anywhere; returns whether files are being dragged over the page. */
export function useDropAndPaste(take: (files: Promise<readonly Incoming[]>) => void): boolean {
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
      const files = chosen(event.clipboardData?.files ?? []);
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
