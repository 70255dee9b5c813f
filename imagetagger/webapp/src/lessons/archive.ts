/** Files by name in a .zip, and back. Anything that does not look like one of ours is refused before it is unpacked. */

import { Inflate, Zip, ZipDeflate, ZipPassThrough } from "fflate";
import { crc32 } from "hash-wasm";
import { messageOf } from "../engine/json";
import { NAME } from "../engine/manifest";
import { LessonError } from "./errors";
import { quote } from "./names";

type Bytes = Uint8Array<ArrayBuffer>;

/** A file of an archive, as its directory tells. */
interface Member {
  name: string;
  deflated: boolean;
  crc: number;
  packed: number;
  size: number;
  /** Where its local header begins. */
  at: number;
}

/** An archive of which the directory was read and checked: `read` gives one file, undefined where it has none such. */
export interface Archive {
  names: readonly string[];
  read(name: string): Promise<Bytes | undefined>;
}

/** What desktops leave in archives that people look into or pack again: passed over. */
const LITTER = /^(__MACOSX\/.*|(.*\/)?(\.DS_Store|Thumbs\.db|desktop\.ini))$/;

/** What a .zip without its 64-bit extension can hold. */
const MOST_FILES = 65_535;
const MOST_BYTES = 2 ** 32 - 1;

const END = { signature: 0x06054b50, size: 22, comment: 65_535 };
const ENTRY = { signature: 0x02014b50, size: 46 };
const LOCAL = { signature: 0x04034b50, size: 30 };
const DAMAGED = "this .zip file is damaged: it was cut short or changed";
const STEP = 2 ** 16;

/** Reads the directory of a .zip whose files have at most `limit` bytes together; throws LessonError otherwise. */
export async function openZip(file: Blob, limit: number): Promise<Archive> {
  const members = await directory(file);
  let left = limit;
  for (const { size } of members) left -= size;
  if (left < 0) throw new LessonError(`it has more than ${limit / 2 ** 20} MiB when unpacked, which is too much here`);
  const byName = new Map(withoutTop(members).map((member) => [member.name, member]));
  if (byName.size < members.length) throw new LessonError("a file is in the archive twice: expected every name once");
  return {
    names: [...byName.keys()],
    read: async (name) => {
      const member = byName.get(name);
      return member && unpacked(file, member);
    },
  };
}

/** Returns a .zip of files, whose contents are made one at a time; text is compressed, the rest stored as it is. */
export async function writeZip(files: ReadonlyMap<string, () => Promise<Bytes> | Bytes>): Promise<Blob> {
  if (files.size > MOST_FILES) throw new LessonError(`got ${files.size} files, a .zip holds at most ${MOST_FILES}`);
  const parts: Blob[] = []; // not bytes: browsers move large Blobs out of memory
  let failure: Error | null = null;
  let written = 0;
  const zip = new Zip((error, chunk) => {
    failure ??= error;
    if (chunk) parts.push(new Blob([chunk as Bytes]));
    written += chunk?.length ?? 0;
  });
  for (const [name, contents] of files) {
    if (name.length > 200 || !NAME.test(name)) throw new LessonError(`a file cannot be named ${quote(name)}`);
    const entry = /\.(json|txt)$/.test(name) ? new ZipDeflate(name) : new ZipPassThrough(name);
    entry.mtime = new Date(1980, 0, 1); // so that equal contents give equal archives
    entry.os = 3;
    entry.attrs = 0o644 << 16;
    zip.add(entry);
    entry.push(await contents(), true);
    if (written > MOST_BYTES - 2 ** 25) throw new LessonError("these are more than 4 GiB, which no .zip file holds");
  }
  zip.end();
  if (failure) throw failure;
  return new Blob(parts, { type: "application/zip" });
}

async function directory(file: Blob): Promise<Member[]> {
  const tail = await bytes(file, Math.max(0, file.size - END.size - END.comment), file.size);
  const end = endOf(tail);
  if (!end) throw new LessonError("this is no .zip file: it is damaged, or something else");
  const [count, size, at] = [end.getUint16(10, true), end.getUint32(12, true), end.getUint32(16, true)];
  const stop = file.size - end.byteLength;
  if (count === MOST_FILES || at > MOST_BYTES - 1)
    throw new LessonError("this .zip file is larger than the app can read");
  if (at + size !== stop) throw new LessonError(DAMAGED);
  const data = await bytes(file, at, stop);
  const members: Member[] = [];
  let position = 0;
  for (let i = 0; i < count; i++) {
    if (position + ENTRY.size > data.length) throw new LessonError(DAMAGED);
    const view = new DataView(data.buffer, position);
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(offset, true)) as [
      number,
      number,
      number,
    ];
    const next = position + ENTRY.size + name + extra + comment;
    if (view.getUint32(0, true) !== ENTRY.signature || next > data.length) throw new LessonError(DAMAGED);
    const start = position + ENTRY.size;
    const member = memberOf(view, new TextDecoder("latin1").decode(data.subarray(start, start + name)));
    if (member) members.push(member);
    position = next;
  }
  if (position !== data.length) throw new LessonError(DAMAGED);
  return members;
}

/** Returns the record at the end of a .zip. */
function endOf(tail: Bytes): DataView | null {
  for (let at = tail.length - END.size; at >= 0; at--) {
    const view = new DataView(tail.buffer, at);
    if (view.getUint32(0, true) === END.signature && at + END.size + view.getUint16(20, true) === tail.length)
      return view;
  }
  return null;
}

/** Returns a file of the directory; null for folders and litter; throws LessonError where it does not belong. */
function memberOf(view: DataView, name: string): Member | null {
  const size = view.getUint32(24, true);
  const folder = name.endsWith("/") && size === 0;
  const plain = folder ? name.slice(0, -1) : name;
  if (LITTER.test(name)) return null;
  if (plain.length > 200 || !NAME.test(plain))
    throw new LessonError(`it holds a file with the strange name ${quote(name)}`);
  if (folder) return null;
  const method = view.getUint16(10, true);
  const kind = (view.getUint32(38, true) >>> 16) & 0o170000;
  if (view.getUint16(8, true) & 1) throw new LessonError(`${name} is encrypted: expected plain files only`);
  if (kind !== 0 && kind !== 0o100000)
    throw new LessonError(`${name} is a link or a special file: expected plain files only`);
  if (method !== 0 && method !== 8)
    throw new LessonError(`${name} is packed by method ${method}: expected stored or deflated`);
  const [crc, packed, at] = [16, 20, 42].map((offset) => view.getUint32(offset, true)) as [number, number, number];
  return { name, deflated: method === 8, crc, packed, size, at };
}

/** Returns files without the folder that all of them lie in, as when a folder was packed as a whole. */
function withoutTop(members: readonly Member[]): readonly Member[] {
  const tops = new Set(members.map(({ name }) => name.split("/", 1)[0]));
  if (tops.size !== 1 || members.some(({ name }) => !name.includes("/"))) return members;
  return members.map((member) => ({ ...member, name: member.name.slice(member.name.indexOf("/") + 1) }));
}

async function unpacked(file: Blob, member: Member): Promise<Bytes> {
  const local = new DataView((await bytes(file, member.at, member.at + LOCAL.size)).buffer);
  if (local.byteLength < LOCAL.size || local.getUint32(0, true) !== LOCAL.signature) throw new LessonError(DAMAGED);
  const start = member.at + LOCAL.size + local.getUint16(26, true) + local.getUint16(28, true);
  const packed = await bytes(file, start, start + member.packed);
  const data = member.deflated ? inflated(packed, member.size) : packed;
  if (data?.length !== member.size || Number.parseInt(await crc32(data), 16) !== member.crc)
    throw new LessonError(`${member.name} is damaged: its contents do not match its checksum`);
  return data;
}

/** Inflates no more than `size` bytes and a step; null where there are more or it is damaged. */
function inflated(packed: Bytes, size: number): Bytes | null {
  const result = new Uint8Array(size);
  let at = 0;
  const inflate = new Inflate((chunk) => {
    if (at + chunk.length <= size) result.set(chunk, at);
    at += chunk.length;
  });
  try {
    for (let i = 0; i < packed.length && at <= size; i += STEP)
      inflate.push(packed.subarray(i, i + STEP), i + STEP >= packed.length);
  } catch {
    return null;
  }
  return at === size ? result : null;
}

async function bytes(file: Blob, from: number, to: number): Promise<Bytes> {
  const data = await file.slice(from, to).arrayBuffer().catch(unreadable);
  return new Uint8Array(data);
}

function unreadable(error: unknown): never {
  throw new LessonError(`it cannot be read (${messageOf(error)}): is it still where it was?`);
}
