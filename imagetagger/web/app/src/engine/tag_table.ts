/** The tags of all pictures as a table, for other programs. */

import type { PictureView, TagView } from "../api";

/** Returns pictures with their tags as text: CSV for spreadsheets (RFC 4180, with a byte order mark), or JSON. */
export function tagTable(pictures: readonly PictureView[], tags: readonly TagView[], format: "csv" | "json"): string {
  const names = new Map(tags.map((tag) => [tag.id, tag.name]));
  const nameOf = (id: string) => names.get(id) ?? id;
  return format === "csv" ? csv(pictures, nameOf) : json(pictures, nameOf);
}

function csv(pictures: readonly PictureView[], nameOf: (id: string) => string): string {
  const rows = pictures.map(({ name, id, confirmed, tags, suggested, unknown }) => [
    name,
    id,
    yes(confirmed),
    tags.map(nameOf).join(" | "),
    suggested.map(({ tag, probability }) => `${nameOf(tag)} ${probability.toFixed(3)}`).join(" | "),
    yes(unknown),
  ]);
  const lines = [["picture", "id", "confirmed", "tags", "suggested", "unknown"], ...rows].map((row) =>
    row.map(cell).join(","),
  );
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

function yes(is: boolean): string {
  return is ? "yes" : "no";
}

/** Returns a cell that spreadsheets show as it is: names from elsewhere must not become formulas. */
function cell(value: string): string {
  const guarded = value
    .replace(/([;\t\r\n])(?=\s*[=+\-@＝＋－＠])/g, "$1'") // some programs split cells there, too
    .replace(/^(?=\s*[=+\-@＝＋－＠]|[\t\r\n])/, "'");
  return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

function json(pictures: readonly PictureView[], nameOf: (id: string) => string): string {
  const rows = pictures.map(({ name, id, added, width, height, confirmed, tags, suggested, unknown }) => ({
    picture: name,
    id,
    added: new Date(added).toISOString(),
    width,
    height,
    confirmed,
    tags: tags.map((tag) => ({ id: tag, name: nameOf(tag) })),
    suggested: suggested.map(({ tag, probability }) => ({ id: tag, name: nameOf(tag), probability })),
    unknown,
  }));
  return `${JSON.stringify(rows, null, 1)}\n`;
}
