import { formats } from "../formats";

/** How German writes numbers, dates and lists. */
export const format = formats("de");

export const pictures = (count: number) => format.many(count, { one: "Bild", other: "Bilder" });
/** After a preposition that needs the dative: "bei 3 Bildern". */
export const picturesDative = (count: number) => format.many(count, { one: "Bild", other: "Bildern" });
export const tags = (count: number) => format.many(count, { one: "Stichwort", other: "Stichwörter" });
export const names = (all: readonly string[]) => format.list(all, (count) => `${format.number(count)} weitere`);
