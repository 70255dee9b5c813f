import type { Words } from "../languages";
import { format, pictures, tags } from "./formats";

const KINDS = { confirmed: "bestätigt", likely: "wahrscheinlich", perhaps: "vielleicht", unknown: "unbekannt" };

/** The screen of all pictures, and adding some. */
export const gallery: Words["gallery"] = {
  hello: "Deine Bilder, verschlagwortet",
  introduction:
    "Wähle ein paar Bilder aus und sieh, was sie zeigen. Bestätige oder korrigiere die Stichwörter, und die App lernt von dir. Alles passiert hier: Bilder verlassen dieses Gerät nie.",
  drawings:
    "Diese Erkennung ist eine Demo: Sie kennt gezeichnete Formen, keine Fotos. „imagetagger serve“ allein öffnet die Erkennung für den Alltag.",
  orDrop: "Oder ziehe sie irgendwo hierher, oder füge sie ein.",
  private: "Privat: Nichts wird gesendet",
  knows: (count) => `Kennt ${tags(count)}, lernt deine`,
  worksOffline: "Funktioniert ohne Netz",
  take: "Bild aufnehmen",
  choose: "Bilder auswählen",
  takePictures: "Bilder aufnehmen",
  takeOne: "Ein Bild aufnehmen",
  camera: "Kamera",
  taken: (count) => (count === 0 ? "So viele du möchtest" : `${pictures(count)} aufgenommen`),
  cameraRefused:
    "Die Kamera ließ sich nicht öffnen. Erlaube sie für diese Seite in den Einstellungen des Browsers, oder nimm einzelne Bilder auf.",
  chooseFolder: "Ordner auswählen",
  folder: "Ordner",
  files: "Bilddateien",
  added: ({ added, again, refused, isCancelled }) => {
    const parts = [
      added > 0 || again + refused === 0 ? `${pictures(added)} hinzugefügt` : "",
      again > 0 ? `${format.number(again)} schon da` : "",
      refused > 0 ? `${format.number(refused)} nicht hinzugefügt` : "",
    ];
    return `${isCancelled ? "Abgebrochen. " : ""}${parts.filter(Boolean).join(", ")}`;
  },
  refused: (count) =>
    format.form(count, {
      one: "Diese Datei wurde nicht hinzugefügt:",
      other: "Diese Dateien wurden nicht hinzugefügt:",
    }),
  shared: (count) => `${format.many(count, { one: "geteiltes Bild", other: "geteilte Bilder" })} hinzufügen?`,
  sharedBy: "Geschickt von einer anderen App oder einer Webseite.",
  addShared: "Hinzufügen",
  refuseShared: "Nicht hinzufügen",
  search: "Suchen",
  clearSearch: "Suche leeren",
  which: "Welche Bilder",
  shows: { all: "Alle", open: "Offen", confirmed: "Bestätigt", unknown: "Unbekannt" },
  order: "Reihenfolge",
  orders: {
    added: "Neueste",
    taken: "Aufnahme",
    name: "Name",
    doubt: "Unsichere",
    unknown: "Unbekannte",
  },
  shown: (count) => `${pictures(count)} zu sehen`,
  nothing: "Hier ist kein Bild.",
  showAll: "Alle Bilder zeigen",
  sections: {
    plain: "Bilder",
    perhaps: "Vielleicht",
    likely: "Einzelne Stichwörter",
    guess: "Hake an, was stimmt",
    open: "Einzeln anzusehen",
  },
  sectionOf: (kind, names) => (kind === "guess" ? `${names}?` : names),
  tickAll: "Alle anhaken",
  oneByOne: "Einzeln",
  confirmTicked: (ticked, all) => {
    if (ticked === 0 || all === 1) return "Bestätigen";
    return ticked < all
      ? `${format.number(ticked)} von ${format.number(all)} bestätigen`
      : `Alle ${format.number(all)} bestätigen`;
  },
  tick: (file) => `${file} stimmt`,
  caption: (name, kind) => {
    if (kind === "unknown") return `unbekannt, vielleicht ${name}`;
    return kind === "confirmed" ? name : `${name}?`;
  },
  tile: (file, name, kind) => {
    if (kind === "unknown") return name === null ? `${file}: unbekannt` : `${file}: unbekannt, vielleicht ${name}`;
    if (name === null) return kind === "confirmed" ? `${file}: kein Stichwort, bestätigt` : `${file}: kein Stichwort`;
    return `${file}: ${name}, ${KINDS[kind]}`;
  },
  select: "Auswählen",
  done: "Fertig",
  selection: "Auswahl",
  selected: (count) => `${format.number(count)} ausgewählt`,
  selectAll: "Alle",
  selectNone: "Keine",
  remove: "Entfernen",
  tag: "Stichwort",
  tagPictures: (count) => `Stichwort für ${pictures(count)}`,
  confirmSelected: (count) => (count === 0 ? "Bestätigen" : `${format.number(count)} bestätigen`),
};
