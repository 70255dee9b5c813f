/** Numbers, dates and lists as a language writes them. */

/** The forms of a text by the plural rules of its language. */
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** Makes the formats of a locale, such as "en-GB". */
export function formats(locale: string) {
  const rules = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  const compact = new Intl.NumberFormat(locale, { notation: "compact", compactDisplay: "long" });
  const percents = new Intl.NumberFormat(locale, { style: "percent" });
  const exactPercents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  const lists = new Intl.ListFormat(locale);
  const ago = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const number = (value: number) => numbers.format(value);
  const form = (count: number, forms: Forms) => forms[rules.select(count)] ?? forms.other;
  return {
    number,
    /** Large numbers in words: "100 million". */
    compact: (value: number) => compact.format(value),
    /** The form of a text for a count. */
    form,
    /** A count with its noun: "1 picture", "3 pictures". */
    many: (count: number, forms: Forms) => `${number(count)} ${form(count, forms)}`,
    /** A probability in percent, never 0 or 100. */
    percent: (probability: number) =>
      probability < 0.005 ? `< ${percents.format(0.01)}` : percents.format(Math.min(0.99, probability)),
    /** A share in percent, to a tenth. */
    exactPercent: (share: number) => exactPercents.format(share),
    /** Names in a row, at most three, of which the last says how many more there are: "cat, Rex and 2 more". */
    list: (names: readonly string[], more: (count: number) => string) =>
      lists.format(names.length <= 3 ? names : [...names.slice(0, 2), more(names.length - 2)]),
    /** Bytes with a unit. */
    bytes: (count: number) => {
      const power = count < 1000 ? 0 : Math.min(BYTES.length - 1, Math.floor(Math.log10(count) / 3));
      const value = count / 1000 ** power;
      const digits = power === 0 || value >= 100 ? 0 : 1;
      return value.toLocaleString(locale, {
        style: "unit",
        unit: BYTES[power] as string,
        unitDisplay: power === 0 ? "long" : "short",
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      });
    },
    /** A local time, such as "2024-05-01T18:30:00". */
    dateTime: (time: string) => new Date(time).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" }),
    /** How long ago, or the date. */
    when: (time: number, now: number) => {
      const minutes = Math.floor((now - time) / 60_000);
      if (minutes < 1) return ago.format(0, "second");
      if (minutes < 60) return ago.format(-minutes, "minute");
      if (minutes < 24 * 60) return ago.format(-Math.floor(minutes / 60), "hour");
      return new Date(time).toLocaleDateString(locale, { dateStyle: "medium" });
    },
  };
}

/** A message with a capital letter and a full stop. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
}

/** A share as a fraction of whole numbers in lowest terms, of at most 1000: 0.9 is 9 in 10. */
export function fraction(share: number): [times: number, of: number] {
  const of = Math.abs(share * 100 - Math.round(share * 100)) < 1e-6 ? 100 : 1000;
  const times = Math.round(share * of);
  const shared = divisor(times, of);
  return [times / shared, of / shared];
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
