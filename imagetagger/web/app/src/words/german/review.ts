import type { Words } from "../languages";
import { format, pictures } from "./formats";

/** The page that asks about the pictures of an archive. */
export const review: Words["review"] = {
  title: "Durchsicht",
  introduction:
    "Nimm den Haken weg, wo es nicht stimmt, und bestätige den Rest. Jede Antwort wird sofort beim Bild gespeichert.",
  left: (count) => `${pictures(count)} durchzusehen`,
  more: (count) => `Danach warten noch ${pictures(count)}: Starte die Durchsicht dann neu.`,
  question: (name) => `${name}?`,
  below: (names) => names.join(" › "),
  rest: "Was zeigen diese?",
  tickAll: "Alle anhaken",
  untickAll: "Alle abwählen",
  confirm: (ticked, all) => {
    if (ticked === 0) return all === 1 ? "Stimmt nicht" : "Keins stimmt";
    if (ticked === all) return all === 1 ? "Bestätigen" : `Alle ${format.number(all)} bestätigen`;
    return `${format.number(ticked)} von ${format.number(all)} bestätigen`;
  },
  storing: (done, total) => `${format.number(done)} von ${format.number(total)} gespeichert`,
  stored: (count) => `${pictures(count)} gespeichert`,
  failed: (file, why, others) =>
    others === 0 ? `${file}: ${why}` : `${file}: ${why} (und ${format.number(others)} weitere)`,
  noneFits: "Nichts passt",
  overview: "Alle Bilder dieser Durchsicht",
  finished: "Alles durchgesehen",
  finishedText:
    "Deine Antworten stehen in den Begleitdateien neben den Bildern. Schließe diese Seite und drücke Strg-C im Terminal.",
};
