/** Files by name in a .zip, and back. Anything that does not look like one of ours is refused before it is unpacked. */

import {
  BlobReader,
  type FileEntry,
  Uint8ArrayReader,
  Uint8ArrayWriter,
  ZipReader,
  ZipWriter,
} from "@zip.js/zip.js/lib/zip-core-custom.js";
import { NAME } from "../engine/manifest";
import { LessonError } from "../lessons/errors";
import { quote } from "../lessons/names";
import { messageOf } from "./json";

type Bytes = Uint8Array<ArrayBuffer>;

/** An archive of which the directory was read and checked: `read` gives one file, undefined where it has none such. */
export interface Archive {
  names: readonly string[];
  read(name: string): Promise<Bytes | undefined>;
}

/** What desktops leave in archives that people look into or pack again: passed over. */
const LITTER = /^(__MACOSX\/.*|(.*\/)?(\.DS_Store|Thumbs\.db|desktop\.ini))$/;

/** Files that no archive of ours has: the directory of more would fill the memory of a phone. */
const TOO_MANY = 100_000;

// `useWebWorkers`: no more of them, this runs in one. `tolerant`: of names, which NAME judges.
const READING = {
  strictness: "strict",
  filenameValidation: "tolerant",
  checkCrc32: true,
  useWebWorkers: false,
} as const;

// Nothing of when and where, so that equal contents give equal archives: 1980-01-01, as archive.py has it.
const WRITING = {
  rawLastModDate: 0x00210000,
  extendedTimestamp: false,
  versionMadeBy: 3 << 8,
  externalFileAttributes: 0o644 << 16,
  useWebWorkers: false,
};

/** Reads the directory of a .zip whose files have at most `limit` bytes together; throws LessonError otherwise. */
export async function openZip(file: Blob, limit: number): Promise<Archive> {
  const members = new Map<string, FileEntry>();
  let left = limit;
  let count = 0;
  try {
    for await (const entry of new ZipReader(new BlobReader(file), READING).getEntriesGenerator()) {
      if (++count > TOO_MANY) throw new LessonError(`it has more than ${TOO_MANY} files: expected fewer`);
      const name = new TextDecoder("latin1").decode(entry.rawFilename); // not a name from the extra fields
      const folder = name.endsWith("/") && entry.uncompressedSize === 0;
      if (LITTER.test(name)) continue;
      checkName(folder ? name.slice(0, -1) : name, "it holds a file with the strange name");
      if (folder) continue;
      if (members.has(name)) throw new LessonError(`${name} is in the archive twice: expected every name once`);
      members.set(name, plain(name, entry as FileEntry));
      left -= entry.uncompressedSize;
      if (left < 0)
        throw new LessonError(`it has more than ${limit / 2 ** 20} MiB when unpacked, which is too much here`);
    }
  } catch (error) {
    refuse(error, "this is no .zip file: it is damaged, or something else");
  }
  const top = topOf([...members.keys()]);
  return {
    names: Array.from(members.keys(), (name) => name.slice(top.length)),
    read: async (name) =>
      members
        .get(top + name)
        ?.getData(new Uint8ArrayWriter())
        .catch((error) => refuse(error, `${name} is damaged: its contents do not match its checksum`)),
  };
}

/** Returns a .zip of files, whose contents are made one at a time; text is compressed, the rest stored as it is. */
export async function writeZip(files: ReadonlyMap<string, () => Promise<Bytes> | Bytes>): Promise<Blob> {
  const parts: Blob[] = []; // not bytes: browsers move large Blobs out of memory
  const zip = new ZipWriter(
    new WritableStream<Bytes>({ write: (chunk) => void parts.push(new Blob([chunk])) }),
    WRITING,
  );
  for (const [name, contents] of files) {
    checkName(name, "a file cannot be named");
    await zip.add(name, new Uint8ArrayReader(await contents()), { level: /\.(json|txt)$/.test(name) ? 6 : 0 });
  }
  await zip.close();
  return new Blob(parts, { type: "application/zip" });
}

function checkName(name: string, what: string): void {
  if (name.length > 200 || !NAME.test(name)) throw new LessonError(`${what} ${quote(name)}`);
}

function plain(name: string, entry: FileEntry): FileEntry {
  const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (entry.encrypted) throw new LessonError(`${name} is encrypted: expected plain files only`);
  if (kind !== 0 && kind !== 0o100000)
    throw new LessonError(`${name} is a link or a special file: expected plain files only`);
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8)
    throw new LessonError(`${name} is packed by method ${entry.compressionMethod}: expected stored or deflated`);
  return entry;
}

/** Returns the folder that all files lie in, as when a folder was packed as a whole; "" where there is none. */
function topOf(names: readonly string[]): string {
  const tops = new Set(names.map((name) => name.slice(0, name.indexOf("/") + 1)));
  return tops.size === 1 ? ([...tops][0] as string) : "";
}

function refuse(error: unknown, says: string): never {
  if (error instanceof LessonError) throw error;
  if (error instanceof DOMException)
    throw new LessonError(`it cannot be read (${messageOf(error)}): is it still where it was?`);
  throw new LessonError(says);
}
