import { formats } from "../formats";

/** How English writes numbers, dates and lists. */
export const format = formats("en-GB");

export const pictures = (count: number) => format.many(count, { one: "picture", other: "pictures" });
export const tags = (count: number) => format.many(count, { one: "tag", other: "tags" });
export const names = (all: readonly string[]) => format.list(all, (count) => `${format.number(count)} more`);
