import type { Progress } from "../../api";
import type { Words } from "../languages";
import { format, pictures, picturesDative } from "./formats";

const PROGRESS: Record<Progress["kind"], string> = {
  adding: "Bilder werden angesehen",
  importing: "Datei wird gelesen",
  reembedding: "Die neue Erkennung sieht deine Bilder an",
};

/** The frame of all screens, notices, and the opening. */
export const app: Words["app"] = {
  screens: "Ansichten",
  pictures: "Bilder",
  tags: "Stichwörter",
  more: "Mehr",
  title: (screen) => `${screen} · imagetagger`,
  ok: "OK",
  cancel: "Abbrechen",
  close: "Schließen",
  undo: "Rückgängig",
  undone: (step) => `Rückgängig gemacht: ${step}`,
  newVersion: "Eine neue Version ist da.",
  update: "Aktualisieren",
  drop: "Lass die Bilder los, um sie hinzuzufügen",
  nothingFound: "Dort sind keine Bilder",
  shareIncomplete:
    "Nicht alle geteilten Bilder kamen an: Vielleicht ist auf diesem Gerät kein Platz mehr für die App. Schaffe Platz, und teile die fehlenden noch einmal.",
  progress: ({ kind }) => PROGRESS[kind],
  progressCount: (done, total) => `${format.number(done)} von ${format.number(total)}`,
  opening: "Wird geöffnet …",
  failed: "Die App ließ sich nicht öffnen",
  failedElsewhere: "Die App ist schon woanders offen",
  safe: "Gelerntes ist sicher: Es bleibt auf diesem Gerät gespeichert.",
  again: "Noch einmal versuchen",
  useHere: "Hier verwenden",
  reembedded: (count, unreadable) => {
    const seen = count > 0 ? ` Sie hat sich ${pictures(count)} noch einmal angesehen.` : "";
    const many = count > 0 ? format.many(unreadable, { one: "weiteres", other: "weitere" }) : pictures(unreadable);
    const were = format.form(unreadable, { one: "war", other: "waren" });
    const lost = unreadable > 0 ? ` ${many} ${were} nicht lesbar; was die App daraus gelernt hatte, fehlt nun.` : "";
    return `Die Erkennung ist neu.${seen}${lost}`;
  },
  unfinished: (left, total) =>
    `Das Hinzufügen wurde unterbrochen: ${format.number(left)} von ${picturesDative(total)} ${format.form(left, { one: "fehlt", other: "fehlen" })} vielleicht. Wähle alle noch einmal aus; vorhandene werden übersprungen.`,
  keysTitle: "Tasten",
  keys: [
    ["/", "Suchen oder ein Stichwort hinzufügen"],
    ["← ↑ → ↓", "Von Bild zu Bild gehen, oder ein vergrößertes bewegen"],
    ["1 … 9", "Das Stichwort an dieser Stelle unter „Vielleicht“ hinzufügen"],
    ["Enter", "Die Stichwörter bestätigen und zum nächsten Bild gehen"],
    ["Strg+A", "Alle gezeigten Bilder auswählen"],
    ["Umschalt", "Mit Klick: alle bis dorthin auswählen"],
    ["+ − 0", "Das Bild vergrößern oder ganz zeigen; auch mit Mausrad und Doppelklick"],
    ["Strg+Z", "Rückgängig"],
    ["Esc", "Zurück"],
    ["?", "Diese Tasten zeigen"],
  ],
};
