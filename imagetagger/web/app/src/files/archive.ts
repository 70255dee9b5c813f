/** Files by name in a .zip, and back. An archive unlike ours is refused before it is unpacked. */

import {
  BlobReader,
  type FileEntry,
  Uint8ArrayReader,
  Uint8ArrayWriter,
  ZipReader,
  ZipWriter,
} from "@zip.js/zip.js/lib/zip-core-custom.js";
import { FileError, messageOf } from "../format/errors";
import { isFileName } from "../format/file_names";
import { quote } from "../format/text";
import { isSystemPath } from "./ignored";

type Bytes = Uint8Array<ArrayBuffer>;

/** An archive whose directory was checked; `read` returns one file, undefined for a name that it lacks. */
export interface Archive {
  names: readonly string[];
  read(name: string): Promise<Bytes | undefined>;
}

/** Most files of an archive: the directory of more would fill the memory of a phone. */
const MAX_FILES = 100_000;

/** A .zip may unpack to so many bytes, and so many times its own size more: see imagetagger/bundle/archive.py. */
const [FREE_BYTES, MAX_RATIO] = [24 * 2 ** 20, 16];

// `useWebWorkers`: this runs in one already. `tolerant`: of names, which isFileName checks.
const READING = {
  strictness: "strict",
  filenameValidation: "tolerant",
  checkCrc32: true,
  useWebWorkers: false,
} as const;

// No time and no system, so that equal contents give equal archives: 1980-01-01, as in archive.py.
const WRITING = {
  rawLastModDate: 0x00210000,
  extendedTimestamp: false,
  versionMadeBy: 3 << 8,
  externalFileAttributes: 0o644 << 16,
  useWebWorkers: false,
};

/**
 * Reads the directory of a .zip; throws FileError where it is damaged, unlike ours, or declares too many bytes.
 *
 * @param limit bytes of all files together.
 * @param largest bytes that a file of a name may have.
 */
export async function openZip(
  file: Blob,
  limit: number,
  largest: (name: string) => number = () => limit,
): Promise<Archive> {
  const entries = new Map<string, FileEntry>();
  const most = Math.min(limit, FREE_BYTES + MAX_RATIO * file.size);
  let left = most;
  let count = 0;
  try {
    for await (const entry of new ZipReader(new BlobReader(file), READING).getEntriesGenerator()) {
      if (++count > MAX_FILES)
        throw new FileError(`it has more than ${MAX_FILES.toLocaleString("en")} files: expected fewer`);
      const name = new TextDecoder("latin1").decode(entry.rawFilename); // not a name from the extra fields
      const folder = name.endsWith("/") && entry.uncompressedSize === 0;
      if (isSystemPath(name)) continue;
      checkName(folder ? name.slice(0, -1) : name, "it holds a file with the strange name");
      if (folder) continue;
      if (entries.has(name)) throw new FileError(`${name} is in the archive twice: expected every name once`);
      entries.set(name, plain(name, entry as FileEntry));
      const size = entry.uncompressedSize;
      if (size > largest(name))
        throw new FileError(`${name} has ${size} bytes when unpacked, expected at most ${largest(name)}`);
      left -= size;
      if (left < 0)
        throw new FileError(`with ${name} it has more than ${Math.floor(most / 2 ** 20)} MiB when unpacked`);
    }
  } catch (error) {
    refuse(error, "it is not a .zip file, or damaged");
  }
  const top = topOf([...entries.keys()]);
  return {
    names: Array.from(entries.keys(), (name) => name.slice(top.length)),
    read: async (name) => {
      const entry = entries.get(top + name);
      return entry
        ?.getData(new DeclaredBytes(entry.uncompressedSize))
        .catch((error) => refuse(error, `${name} is damaged: its contents do not match its size or checksum`));
    },
  };
}

/** Takes as many bytes as a file declares: unpacking ends where there are more. */
class DeclaredBytes extends Uint8ArrayWriter {
  constructor(private left: number) {
    super();
  }

  override async writeUint8Array(bytes: Uint8Array): Promise<void> {
    this.left -= bytes.length;
    if (this.left < 0) throw new Error("more bytes than declared");
    await super.writeUint8Array(bytes);
  }
}

/**
 * Returns a .zip of files whose contents are made one at a time. Text is compressed, other files are stored.
 *
 * @param options.checks whether names must be such that `openZip` reads them.
 */
export async function writeZip(
  files: ReadonlyMap<string, () => Promise<Bytes> | Bytes>,
  { checks = true } = {},
): Promise<Blob> {
  const parts: Blob[] = []; // not bytes: browsers move large Blobs out of memory
  const zip = new ZipWriter(
    new WritableStream<Bytes>({ write: (chunk) => void parts.push(new Blob([chunk])) }),
    WRITING,
  );
  for (const [name, contents] of files) {
    if (checks) checkName(name, "cannot write a file with the name");
    await zip.add(name, new Uint8ArrayReader(await contents()), { level: /\.(json|txt|xmp)$/.test(name) ? 6 : 0 });
  }
  await zip.close();
  return new Blob(parts, { type: "application/zip" });
}

function checkName(name: string, problem: string): void {
  if (!isFileName(name)) throw new FileError(`${problem} ${quote(name)}`);
}

function plain(name: string, entry: FileEntry): FileEntry {
  const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (entry.encrypted) throw new FileError(`${name} is encrypted: expected plain files only`);
  if (kind !== 0 && kind !== 0o100000)
    throw new FileError(`${name} is a link or a special file: expected plain files only`);
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8)
    throw new FileError(`${name} is packed by method ${entry.compressionMethod}: expected stored or deflated`);
  return entry;
}

/** Returns the folder of all files, as when a folder was packed; "" without one. */
function topOf(names: readonly string[]): string {
  const tops = new Set(names.map((name) => name.slice(0, name.indexOf("/") + 1)));
  return tops.size === 1 ? ([...tops][0] as string) : "";
}

function refuse(error: unknown, problem: string): never {
  if (error instanceof FileError) throw error;
  if (error instanceof DOMException)
    throw new FileError(`it cannot be read (${messageOf(error)}): is it still where it was?`);
  throw new FileError(problem);
}
