import type { Words } from "../languages";
import { format, names, pictures, tags } from "./formats";

const mark = (probability: number | null, taught: boolean) =>
  taught ? "deins" : probability === null ? "neu" : format.percent(probability);

/** The screen of one picture. */
export const picture: Words["picture"] = {
  missing: "Dieses Bild ist nicht hier",
  all: "Alle Bilder",
  place: (at, count) => `${format.number(at)} von ${format.number(count)}`,
  previous: "Voriges Bild",
  next: "Nächstes Bild",
  remove: "Dieses Bild entfernen",
  notStored: "Das Bild selbst wurde nicht gespeichert.",
  origin: (taken, folder) => [taken && format.dateTime(taken), folder].filter(Boolean).join(" · "),
  tags: "Stichwörter",
  tagsOfThis: "Stichwörter dieses Bildes",
  removeTag: (name) => `${name} entfernen`,
  addTag: "Stichwort hinzufügen",
  add: "Hinzufügen:",
  perhaps: "Vielleicht",
  more: (count) => format.many(count, { one: "weiteres", other: "weitere" }),
  mark,
  percent: format.percent,
  spoken: (chosen, isDismissed, isUnknown) => {
    if (chosen.length === 0)
      return isDismissed ? "Kein Stichwort passt." : isUnknown ? "Nichts Bekanntes passt." : "Noch keine Stichwörter.";
    const each = chosen.map(({ name, probability, taught }) =>
      `${name}, ${mark(probability, taught)}`.replace("< ", "unter "),
    );
    return `${tags(chosen.length)}: ${each.join("; ")}`;
  },
  unknown: "Nichts, was ich kenne, passt gut. Gib ein Stichwort ein: Nach etwa fünf Bildern kenne ich es.",
  unsure: "Ich bin nicht sicher. Ist es eines von diesen?",
  newTag: (name) => `Neues Stichwort „${name}“`,
  alreadyHere: "schon da",
  broader: "Oberbegriff",
  confirm: (all) => (all.length === 0 ? "Bestätigen" : `${names(all)} bestätigen`),
  confirmed: "Bestätigt",
  removeTags: "Alle Stichwörter entfernen",
  noTagFits: "Nichts passt",
  confirmedNoTagFits: "Bestätigt: nichts passt",
  removeTitle: (count) => `${pictures(count)} entfernen?`,
  removeText: (count, keeping) => {
    const out =
      count === 1
        ? "Dieses Bild wird aus der App entfernt. Die Originaldatei bleibt, wo sie ist."
        : `${pictures(count)} werden aus der App entfernt. Die Originaldateien bleiben, wo sie sind.`;
    const those = keeping === count ? "ihnen" : `${format.number(keeping)} von ihnen`;
    const stays =
      count === 1
        ? "Was die App daraus gelernt hat, bleibt, mit einem kleinen Quadrat davon."
        : `Was die App aus ${those} gelernt hat, bleibt, mit je einem kleinen Quadrat.`;
    const goes = keeping > 0 ? "Alles andere verlässt" : count === 1 ? "Es verlässt" : "Sie verlassen";
    const end = `${goes} dieses Gerät, wenn die App das nächste Mal geöffnet wird. Bis dahin kannst du das rückgängig machen.`;
    return [out, ...(keeping > 0 ? [stays] : []), end].join(" ");
  },
  removeYes: "Entfernen",
  alsoForget: () => "Auch vergessen, was die App daraus gelernt hat",
};
