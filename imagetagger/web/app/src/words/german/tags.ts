import type { Words } from "../languages";
import { format, tags as many, pictures, picturesDative } from "./formats";

/** The screen of tags, and the dialog of one. */
export const tags: Words["tags"] = {
  title: "Stichwörter",
  newTag: "Neues Stichwort",
  newButton: "Neu",
  search: "Stichwörter suchen",
  found: (count) => `${many(count)} gefunden`,
  was: (original) => `vorher ${original}`,
  hidden: "ausgeblendet",
  nothing: "Kein Stichwort heißt so.",
  count: many,
  pictures,
  showMore: (count, left) =>
    count === left
      ? `${format.many(count, { one: "weiteres", other: "weitere" })} zeigen`
      : `${format.number(count)} von ${format.number(left)} weiteren zeigen`,
  taughtBy: (all, taught) => {
    if (all === null) return taught === 0 ? "Bekannt" : `Bekannt, und ${pictures(taught)} von dir`;
    if (taught === 0) return all === 0 ? "Noch keine Bilder" : pictures(all);
    return all === taught ? `${pictures(taught)} von dir` : `${pictures(all)}, ${format.number(taught)} von dir`;
  },
  also: (synonyms) => `auch: ${synonyms.join(", ")}`,
  name: "Name",
  newTagHint: "Bestätige es danach bei ein paar Bildern: Öffne eines oder wähle mehrere aus und füge es hinzu.",
  addTag: "Stichwort hinzufügen",
  rename: "Umbenennen",
  merge: "Mit einem anderen zusammenführen",
  mergeInto: "Zusammenführen mit",
  show: "Bilder dazu zeigen",
  hide: "Nicht mehr vorschlagen",
  unhide: "Wieder vorschlagen",
  reset: "Zurücksetzen",
  delete: "Löschen",
  mergeTitle: (into) => `Mit „${into}“ zusammenführen?`,
  mergeText: (name, into) =>
    `„${into}“ behält seinen Namen und übernimmt, was die App für beide gelernt hat. „${name}“ verschwindet. Du kannst das rückgängig machen.`,
  mergeYes: "Zusammenführen",
  deleteTitle: (name) => `„${name}“ löschen?`,
  deleteText: (name, taught) =>
    `„${name}“ wird nicht mehr vorgeschlagen${taught > 0 ? `, und was die App dafür aus ${picturesDative(taught)} von dir gelernt hat, wird vergessen` : ""}. Du kannst das rückgängig machen.`,
  resetTitle: (name) => `„${name}“ zurücksetzen?`,
  resetText: (name) =>
    `Was die App von dir über „${name}“ gelernt hat, der neue Name und alles Zusammengeführte werden vergessen. Du kannst das rückgängig machen.`,
};
