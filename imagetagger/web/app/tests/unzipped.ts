import { BlobReader, type FileEntry, TextWriter, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";

/** The texts in a .zip, by name. */
export async function unzipped(file: Blob): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const entry of await new ZipReader(new BlobReader(file), { useWebWorkers: false }).getEntries())
    texts.set(entry.filename, await (entry as FileEntry).getData(new TextWriter()));
  return texts;
}
