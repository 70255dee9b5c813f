import { fraction } from "../formats";
import type { Words } from "../languages";
import { format, pictures, tags } from "./formats";

/** The screen of settings, history, files and storage. */
export const settings: Words["settings"] = {
  title: "Mehr",
  language: "Sprache",
  browserLanguage: "Wie im Browser",
  suggestions: "Vorschläge",
  howMany: "Wie viele Vorschläge",
  threshold: (rule, value) => {
    if (rule === "top_k")
      return value === 1
        ? "Das wahrscheinlichste Stichwort"
        : `Die ${format.number(value)} wahrscheinlichsten Stichwörter`;
    if (rule === "cumulative")
      return `Vorschläge, bis ihre Wahrscheinlichkeiten zusammen ${format.exactPercent(value)} ergeben`;
    const [times, of] = fraction(value);
    return `Das richtige Stichwort ist in ${times} von ${of} Fällen unter den Vorschlägen`;
  },
  thresholdShort: (rule, value) => (rule === "top_k" ? tags(value) : format.exactPercent(value)),
  usual: (value) => `Üblich: ${value}`,
  backTo: (value) => `Zurück zu ${value}`,
  fewer: "weniger Vorschläge",
  more: "mehr Vorschläge",
  taught: "Gelerntes",
  taughtText: "In einer Datei: für ein anderes Gerät oder als Sicherung.",
  exportNote:
    "Die Datei enthält die Bilder, die du bestätigt hast, als kleine Quadrate, mit ihren Stichwörtern. Gib sie nur Menschen, die sie sehen dürfen.",
  export: "Exportieren",
  import: "Importieren",
  importFile: "Datei zum Importieren",
  taughtFile: "gelerntes",
  imported: (count, newTags) =>
    count + newTags === 0 ? "Nichts Neues in dieser Datei" : `${pictures(count)} und ${tags(newTags)} importiert`,
  table: "Die Stichwörter deiner Bilder als Tabelle",
  tagsFile: "stichwoerter",
  photoManagers: "Für Fotoverwaltungen",
  sidecars:
    "Die Stichwörter, die du bestätigt hast, in je einer kleinen Datei pro Bild. Entpacke sie neben deinen Bildern, und digiKam, darktable und andere lesen sie. Behalte .xmp-Dateien, die schon da sind: Darin können deine Bearbeitungen stehen.",
  sidecarsButton: "XMP-Begleitdateien",
  sidecarsFile: "begleitdateien",
  history: "Verlauf",
  noHistory: "Noch wurde nichts geändert.",
  showAll: (count) => `Alle ${format.number(count)} zeigen`,
  when: format.when,
  storage: "Speicher",
  used: (used, quota) => {
    if (used === null) return "Der Browser verrät nicht, wie viel belegt ist.";
    return quota === null
      ? `${format.bytes(used)} belegt`
      : `${format.bytes(used)} belegt von ${format.bytes(quota)}, die der Browser erlaubt`;
  },
  persisted: "Der Browser bewahrt Gelerntes dauerhaft auf.",
  notPersisted: "Wenn der Platz knapp wird, kann der Browser Gelerntes löschen: Exportiere es.",
  notInstallable:
    "Ohne HTTPS lässt sich die App nicht installieren, und wenn der Platz knapp wird, kann der Browser Gelerntes löschen: Exportiere es.",
  persist: "Dauerhaft speichern",
  offline: "Ohne Netz",
  offlineStates: {
    coming: "Wird für die Nutzung ohne Netz vorbereitet …",
    ready: "Funktioniert jetzt auch ohne Netz.",
    impossible: "Dieser Browser kann die App nicht speichern: Sie braucht ihren Server.",
    insecure: "Ohne HTTPS braucht die App ihren Server.",
  },
  installText: "Installiert hat die App ein eigenes Symbol und ein eigenes Fenster.",
  install: "App installieren",
  about: "Über die App",
  knownTags: (known, now) => `${format.number(known)} von Anfang an, jetzt ${format.number(now)}`,
  version: "Version",
  technical: "Technische Details",
  tagger: "Erkennung",
  network: "Modell",
  pixels: (size) => `${format.number(size)} × ${format.number(size)} Pixel`,
  licences: "Lizenzen",
  startOver: "Neu anfangen",
  resetText:
    "Alles, was die App von dir gelernt hat, alle Bestätigungen und alle Änderungen an Stichwörtern werden vergessen. Deine Bilder bleiben. Du kannst das rückgängig machen.",
  reset: "Alles zurücksetzen",
  resetTitle: "Alles zurücksetzen?",
};
