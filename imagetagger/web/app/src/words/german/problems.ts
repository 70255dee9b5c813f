import type { ForeignFile, Problem, RarePicture } from "../../format/problems";
import { sentence } from "../formats";
import type { Words } from "../languages";
import { format } from "./formats";

const FOREIGN: Record<ForeignFile, string> = {
  eps: "eine EPS-Zeichnung, also ein Programm: Speichere sie als PNG",
  fits: "ein FITS-Bild, das die App nicht liest: Speichere es als PNG",
  gimp: "eine GIMP-Datei, die die App nicht liest: Speichere sie als JPEG",
  hdf5: "eine HDF5-Datei, kein Bild",
  icns: "ein Symbol von macOS, das die App nicht liest: Speichere es als PNG",
  pdf: "ein PDF, kein Bild: Speichere die Seite als JPEG",
  photoshop: "eine Photoshop-Datei, die die App nicht liest: Speichere sie als JPEG",
  qoi: "ein QOI-Bild, das die App nicht liest: Speichere es als PNG",
  raw: "eine Rohdatei einer Kamera, die die App nicht liest: Speichere sie als JPEG",
  svg: "ein SVG, also eine Zeichnung, die Skripte ausführen könnte: Speichere es als PNG",
  text: "eine Webseite oder anderer Text, kein Bild",
  video: "ein Video, kein Bild",
};

const RARE: Record<RarePicture, string> = {
  heic: "ein HEIC-Bild, das",
  jp2: "ein JPEG-2000-Bild, das",
  jxl: "ein JPEG-XL-Bild, das",
  tiff: "eine TIFF- oder Rohdatei, die",
};

const DAMAGED = "beschädigt: abgeschnitten oder fehlerhaft";

/** What went wrong, and what to do. */
export const problem: Words["problem"] = (problem) => sentence(phrase(problem));

function phrase(problem: Problem): string {
  switch (problem.kind) {
    case "emptyFile":
      return "eine leere Datei";
    case "notAPicture":
      return "kein Bild";
    case "otherPicture":
      return "kein Bild, das Browser lesen können: Speichere es als JPEG";
    case "lostFile":
      return "nicht lesbar: Wurde die Datei verschoben oder geändert?";
    case "fileTooLarge":
      return "zu groß: mehr als 1 GiB";
    case "damagedPicture":
      return DAMAGED;
    case "damagedOrTooLarge":
      return `${DAMAGED}, oder zu groß für diesen Browser`;
    case "tooManyPixels": {
      const [width, height] = [format.number(problem.width), format.number(problem.height)];
      return `zu groß: ${width} × ${height} Pixel; höchstens ${format.compact(problem.most)}`;
    }
    case "foreignFile":
      return FOREIGN[problem.file];
    case "rarePicture":
      return `${RARE[problem.picture]} dieser Browser nicht lesen kann: Speichere ${problem.picture === "tiff" ? "sie" : "es"} als JPEG`;
    case "hiddenPixels":
      return "Dieser Browser verbirgt Pixel vor Apps, als Schutz vor Verfolgung. Erlaube dieser Seite, Zeichenflächen zu lesen, oder nimm einen anderen Browser.";
    case "noCanvas":
      return "Dieser Browser hat keine Zeichenfläche frei: Ihm fehlt Arbeitsspeicher, oder er ist zu alt.";
    case "storageFull":
      return "Auf diesem Gerät ist kein Platz mehr für die App. Nichts ging verloren, und nichts wurde geändert: Schaffe Platz, oder entferne hier Bilder und öffne die App neu.";
    case "storageClosed":
      return "Der Browser hat den Speicher der App geschlossen. Nichts ging verloren: Lade die Seite neu.";
    case "persistenceRefused":
      return "Der Browser hat abgelehnt. Es hilft, die App zu installieren oder oft zu benutzen.";
    case "noStorage":
      return `Dieser Browser lässt die App nichts speichern (${problem.why}). Ist das ein privates Fenster? Nimm ein normales.`;
    case "notStored":
      return `Das ließ sich nicht speichern: ${problem.why}`;
    case "elsewhere":
      return "Die App ist schon in einem anderen Tab oder Fenster offen: Mach dort weiter, oder verwende sie hier.";
    case "takenOver":
      return "Du hast in einem anderen Tab oder Fenster weitergemacht. Nichts ging verloren.";
    case "appNotLoaded":
      return "Ein Teil der App ließ sich nicht laden. Versuche es noch einmal.";
    case "taggerNotLoaded":
      return "Die Dateien für die Erkennung sind nicht erreichbar: Läuft der Server, und ist dieses Gerät verbunden?";
    case "notFetched":
      return problem.status === null
        ? `Eine Datei der Erkennung ist nicht erreichbar (${problem.file}): Läuft der Server, und ist dieses Gerät verbunden?`
        : `Eine Datei der Erkennung ist nicht erreichbar (${problem.file}): Der Server antwortet mit ${problem.status}.`;
    case "emptyName":
      return "Ein Name braucht mindestens ein Zeichen.";
    case "unseenName":
      return "Ein Name braucht mindestens ein sichtbares Zeichen.";
    case "unsafeName":
      return "Der Name enthält Steuerzeichen oder Zeichen, die den Text umkehren: Lass sie weg.";
    case "longName":
      return `Ein Name hat höchstens ${format.number(problem.most)} Zeichen, dieser hat ${format.number(problem.length)}.`;
    case "tagExists":
      return `Das Stichwort „${problem.name}“ gibt es schon: Nimm einen anderen Namen oder dieses Stichwort.`;
    case "termExists":
      return `Den Oberbegriff „${problem.name}“ gibt es schon: Nimm einen anderen Namen, oder führe das Stichwort mit ihm zusammen.`;
    case "otherTagExists":
      return `Inzwischen gibt es ein anderes Stichwort „${problem.name}“: Benenne zuerst jenes um, oder lösche es.`;
    case "nameIsId":
      return `Das Stichwort „${problem.tag}“ hat „${problem.name}“ als Kennung: Nimm einen anderen Namen.`;
    case "reviewEnded":
      return "Die Durchsicht ist beendet: Starte „imagetagger archive review“ neu. Alles vorher Beantwortete ist gespeichert.";
    case "reviewRefused":
      return "Diese Adresse öffnet die Durchsicht nicht. Nimm die, die „imagetagger archive review“ ausgibt.";
    case "nothingToUndo":
      return "Es gibt nichts rückgängig zu machen.";
    case "changedSince":
      return "Seitdem wurde etwas anderes geändert. Unter „Mehr“ stehen alle Schritte: Mach zuerst den letzten rückgängig.";
    case "sameTag":
      return "Ein Stichwort lässt sich nicht mit sich selbst zusammenführen: Wähle ein anderes.";
    case "noTag":
      return "Wähle mindestens ein Stichwort.";
    case "stillTagged":
      return "Ein Bild hat bestätigte Stichwörter: Entferne sie zuerst.";
    case "pictureRemoved":
      return "Dieses Bild wurde entfernt.";
    case "nothingTaught":
      return "Die App hat noch nichts von dir gelernt: Bestätige zuerst ein Bild.";
    case "nothingConfirmed":
      return "Noch hat kein Bild ein bestätigtes Stichwort: Bestätige zuerst eines.";
    case "squareLost":
      return `Dem Bild ${problem.picture} fehlen die Pixel: Entferne seine Stichwörter, und exportiere noch einmal.`;
    case "unusableFile":
      return `Diese Datei lässt sich nicht importieren: ${problem.why}`;
    case "technical":
      return problem.text
        ? `Das hat nicht geklappt: ${problem.text}`
        : "Das hat nicht geklappt. Nichts ging verloren. Versuche es noch einmal.";
  }
}
