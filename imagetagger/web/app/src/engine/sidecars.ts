/**
 * Tags as XMP sidecars, which photo managers read beside pictures: `photo.jpg.xmp`, as digiKam and darktable name them.
 *
 * Source: ISO 16684-1 (XMP); Lightroom's, digiKam's and Windows' fields for tags within tags.
 */

import type { PictureView, TagId, TagView, TermView } from "../api";
import { writeZip } from "../files/archive";
import { UserError } from "../format/problems";
import { termPaths } from "../format/terms";

/** A tag's name after those of its broader terms, the broadest first: animal, bird, goldfinch. */
type Path = readonly string[];

/** A field of tags, as in imagetagger/archive/keywords/fields.py. */
interface Field {
  /** With the usual prefix. */
  name: string;
  namespace: string;
  /** Between a tag and the broader term before it; empty if the field has the tag only. */
  separator: string;
  /** For the separator in a name, where it would begin another tag. */
  standIn: string;
  /** Of the values in RDF. */
  container: "Bag" | "Seq";
}

const FIELDS: readonly Field[] = [
  {
    name: "dc:subject",
    namespace: "http://purl.org/dc/elements/1.1/",
    separator: "",
    standIn: "",
    container: "Bag",
  },
  {
    name: "lr:hierarchicalSubject",
    namespace: "http://ns.adobe.com/lightroom/1.0/",
    separator: "|",
    standIn: "/",
    container: "Bag",
  },
  {
    name: "digiKam:TagsList",
    namespace: "http://www.digikam.org/ns/1.0/",
    separator: "/",
    standIn: "\\",
    container: "Seq",
  },
  {
    name: "MicrosoftPhoto:LastKeywordXMP",
    namespace: "http://ns.microsoft.com/photo/1.0/",
    separator: "/",
    standIn: "\\",
    container: "Bag",
  },
];

/** Returns a .zip with a sidecar for each confirmed picture that has tags, in the folders that pictures were in. */
export function writeSidecars(
  pictures: readonly PictureView[],
  tags: readonly TagView[],
  terms: readonly TermView[],
): Promise<Blob> {
  const words = new Map<TagId, TagView | TermView>([...terms, ...tags].map((word) => [word.id, word]));
  const files = new Map<string, () => Uint8Array<ArrayBuffer>>();
  const tagged = pictures.filter(({ id, name, tags }) => tags.length > 0 && !isNameless(id, name));
  const paths = tagged.map(({ name, folder }) => sidecarPath(name, folder));
  const known = new Set<string>();
  const twice = new Set<string>(); // on systems that do not tell A from a
  for (const path of paths.map((each) => each.toLowerCase())) (known.has(path) ? twice : known).add(path);
  for (const [i, { id, tags }] of tagged.entries()) {
    const path = paths[i] as string;
    const text = sidecar(pathsOf(tags, words));
    const place = twice.has(path.toLowerCase()) ? `same name/${id.slice(0, 8)}/${path}` : path;
    files.set(place, () => new TextEncoder().encode(text));
  }
  if (files.size === 0) throw new UserError({ kind: "nothingConfirmed" });
  return writeZip(files, { checks: false });
}

/** Returns the sidecar of a picture with these tags. */
export function sidecar(tags: readonly Path[]): string {
  const declared = FIELDS.map(({ name, namespace }) => `\n    xmlns:${name.split(":")[0]}="${namespace}"`);
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="imagetagger">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""${declared.join("")}>
${FIELDS.map((field) => property(field, tags)).join("\n")}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;
}

function property(field: Field, tags: readonly Path[]): string {
  const { name, container } = field;
  const values = [...new Set(tags.map((tag) => joined(field, tag)))]; // a tag below two terms has one name
  const items = values.map((value) => `     <rdf:li>${escaped(value)}</rdf:li>`).join("\n");
  return `   <${name}>\n    <rdf:${container}>\n${items}\n    </rdf:${container}>\n   </${name}>`;
}

/** Returns a tag as a field writes it. */
function joined({ separator, standIn }: Field, path: Path): string {
  if (separator === "") return path.at(-1) as string;
  return path.map((name) => name.replaceAll(separator, standIn)).join(separator);
}

function escaped(text: string): string {
  const legal = text.replace(/[\ufffe\uffff]|\p{Cs}/gu, "\ufffd");
  return legal.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Returns the paths of tags and of all that is above them, each once. */
function pathsOf(tags: readonly TagId[], words: ReadonlyMap<TagId, TagView | TermView>): Path[] {
  const paths = tags.flatMap((tag) => termPaths(tag, (id) => words.get(id)?.broader ?? [], words));
  const different = new Map(paths.map((path) => [path.join("\n"), path]));
  return [...different.values()].map((path) => path.map((id) => words.get(id)?.name ?? id));
}

/** Whether a picture came with somebody's lessons, which know no file: see engine/importing.ts. */
function isNameless(id: string, name: string): boolean {
  return name === id.slice(0, 8);
}

/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/** A relative path without steps upwards, for any system. */
function sidecarPath(name: string, folder: string): string {
  const parts = [...folder.split("/"), `${name}.xmp`].map((part) =>
    part
      .replace(/[\p{Cc}\\/:*?"<>|]/gu, "_")
      .replace(/[. ]+$/, (end) => "_".repeat(end.length))
      .replace(RESERVED, "_$&"),
  );
  return parts.filter((part) => part !== "").join("/");
}
