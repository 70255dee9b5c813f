import type { Rule } from "../../api";
import { fraction } from "../formats";
import { format, pictures, tags } from "./formats";

/** The screen of settings, history, files and storage. */
export const settings = {
  title: "More",
  language: "Language",
  browserLanguage: "As in the browser",
  suggestions: "Suggestions",
  howMany: "How many suggestions",
  /** What a value of the slider means; only the rules with a guarantee say how often they are right. */
  threshold: (rule: Rule, value: number) => {
    if (rule === "top_k")
      return value === 1 ? "The most probable tag" : `The ${format.number(value)} most probable tags`;
    if (rule === "cumulative") return `Suggestions until their probabilities add up to ${format.exactPercent(value)}`;
    const [times, of] = fraction(value);
    return `The right tag is among the suggestions ${format.many(times, { one: "time", other: "times" })} in ${of}`;
  },
  thresholdShort: (rule: Rule, value: number) => (rule === "top_k" ? tags(value) : format.exactPercent(value)),
  usual: (value: string) => `Usual: ${value}`,
  backTo: (value: string) => `Back to ${value}`,
  fewer: "fewer suggestions",
  more: "more suggestions",
  taught: "What you taught",
  taughtText: "In one file: for another device, or as a backup.",
  exportNote:
    "The file contains the pictures that you confirmed as small squares, with their tags. Share it only with people who may see them.",
  export: "Export",
  import: "Import",
  importFile: "File to import",
  /** The name of the file without its ending. */
  taughtFile: "what-you-taught",
  imported: (count: number, newTags: number) =>
    count + newTags === 0 ? "Nothing new in this file" : `${pictures(count)} and ${tags(newTags)} imported`,
  table: "The tags of your pictures, as a table",
  tagsFile: "tags",
  photoManagers: "For photo managers",
  sidecars:
    "The tags that you confirmed, a small file for each picture. Unpack them beside your pictures, and digiKam, darktable and others read them. Keep .xmp files that are there already: they may hold your edits.",
  sidecarsButton: "XMP sidecars",
  sidecarsFile: "sidecars",
  history: "History",
  noHistory: "Nothing was changed yet.",
  showAll: (count: number) => `Show all ${format.number(count)}`,
  when: format.when,
  storage: "Storage",
  /** Bytes; null where the browser does not say. */
  used: (used: number | null, quota: number | null) => {
    if (used === null) return "The browser does not say how much is used.";
    return quota === null
      ? `${format.bytes(used)} used`
      : `${format.bytes(used)} used of ${format.bytes(quota)} that the browser allows`;
  },
  persisted: "The browser keeps what you taught.",
  notPersisted: "The browser may delete what you taught when space runs low: export it.",
  notInstallable:
    "Without HTTPS the app cannot be installed, and the browser may delete what you taught when space runs low: export it.",
  persist: "Ask the browser to keep it",
  offline: "Without a network",
  offlineStates: {
    coming: "Getting ready to work offline …",
    ready: "Ready to work offline.",
    impossible: "This browser cannot store the app: it needs its server.",
    insecure: "Without HTTPS the app needs its server.",
  },
  installText: "Installed, the app has an icon and a window of its own.",
  install: "Install the app",
  about: "About",
  knownTags: (known: number, now: number) => `${format.number(known)} known from the start, ${format.number(now)} now`,
  version: "Version",
  technical: "Technical details",
  tagger: "Tagger",
  network: "Model",
  pixels: (size: number) => `${format.number(size)} × ${format.number(size)} pixels`,
  licences: "Licences",
  startOver: "Start over",
  resetText: "All that you taught, confirmed and changed of tags is forgotten. Your pictures stay. You can undo this.",
  reset: "Reset everything",
  resetTitle: "Reset everything?",
};
