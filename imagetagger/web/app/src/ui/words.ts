import type { Added, Imported, Rule, StorageView, Unfinished } from "../api";
import type { Certainty } from "./certainty";
import type { Order } from "./filter";
import type { Section } from "./sections";
import type { Offline } from "./state";
import type { TileKind } from "./Tile";

/** The title of the first screen. */
export const hello = () => "Your pictures, tagged";
/** The introduction on the first screen. */
export const introduction = () =>
  "Choose some pictures and see what they show. Correct a tag, and the tagger learns from you. All of it happens here: pictures never leave this device.";

/** On the first screen of a bundle that was made from drawings. */
export const drawings = () =>
  "This tagger is a demonstration: it knows drawings of shapes, not photographs. “imagetagger serve” without a bundle opens the everyday tagger.";

/** A count with its noun: "1 picture", "3 pictures". */
export function many(count: number, singular: string, plural = `${singular}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? singular : plural}`;
}

/** A probability in percent, never 0 or 100. */
export function percent(probability: number): string {
  return probability < 0.005 ? "< 1 %" : `${Math.min(99, Math.round(probability * 100))} %`;
}

/** Names in a row: "cat, Rex and 2 more". */
export function list(names: readonly string[], most = 3): string {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
}

/** The button of a picture: what it learns and forgets. */
export function confirmLabel(learn: readonly string[], forget: readonly string[]): string {
  const parts = [learn.length > 0 ? `Learn: ${list(learn)}` : "", forget.length > 0 ? `Forget: ${list(forget)}` : ""];
  return parts.filter(Boolean).join(" · ");
}

/** That button with nothing to learn or forget: what it notes, or what is known already. */
export function settled(dismisses: boolean, isTaught: boolean): string {
  if (dismisses) return "No tag fits";
  return isTaught ? "Learned" : dismissed();
}

/** After a picture was marked as fitting no tag. */
export const dismissed = () => "Noted: no tag fits";

/** After the button of a picture was pressed. */
export function confirmed(learn: readonly string[], forget: readonly string[]): string {
  if (learn.length === 0) return `Forgot ${list(forget)}`;
  return `Learned ${list(learn)}`;
}

/** The mark beside a tag of a picture: the user's, new, or the tagger's probability. */
export function mark(probability: number | null, taught: boolean): string {
  if (taught) return "yours";
  return probability === null ? "new" : percent(probability);
}

/** The tags of a picture, for screen readers. */
export function spoken(
  tags: readonly { name: string; probability: number | null; taught: boolean }[],
  dismissed: boolean,
  unknown: boolean,
): string {
  if (tags.length === 0) return dismissed ? "No tag fits." : unknown ? "Nothing known fits." : "No tags yet.";
  const each = tags.map(({ name, probability, taught }) =>
    taught || probability === null
      ? `${name}, ${mark(probability, taught)}`
      : `${name} ${percent(probability).replace("%", "percent").replace("< ", "under ")}`,
  );
  return `${many(tags.length, "tag")}: ${each.join(", ")}`;
}

/** The words under a picture: a guess has a question mark. */
export const caption = (names: string, certainty: Certainty) => (certainty === "confirmed" ? names : `${names}?`);

/** A tile of the gallery, for screen readers. */
export function tileLabel(file: string, name: string | null, kind: TileKind): string {
  if (kind === "unknown") return `${file}: unknown`;
  if (name === null) return kind === "confirmed" ? `${file}: no tag, confirmed` : `${file}: no tag`;
  return `${file}: ${name}, ${kind}`;
}

/** The orders of the gallery. */
export const orders = (): Record<Order, string> => ({
  added: "Recently added",
  taken: "Date taken",
  name: "Name",
  doubt: "Least certain first",
  unknown: "Unknown first",
});

/** When a picture was taken, and the folder that it was in. */
export function origin(taken: string | null, folder: string): string {
  const date = taken && new Date(taken).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  return [date, folder].filter(Boolean).join(" · ");
}

/** The heading of pictures: those that a search perhaps means, or that are to be confirmed. */
export function sectionTitle(kind: Section["kind"]): string {
  return {
    plain: "Pictures",
    perhaps: "Perhaps",
    same: "One tag",
    likely: "Tags seen once",
    open: "To look at one by one",
  }[kind];
}

/** The button that confirms the ticked pictures of a heading. */
export function confirmTicked(ticked: number, all: number): string {
  const [some, every] = [ticked, all].map((count) => count.toLocaleString("en"));
  return ticked === all ? (all === 1 ? "Confirm" : `Confirm all ${every}`) : `Confirm ${some} of ${every}`;
}

/** The mark that leaves a picture out when others are confirmed. */
export const tick = (file: string) => `${file} is right`;

/** After pictures were confirmed with different tags. */
export const confirmedTags = () => "Confirmed";

/** Keys, separated by spaces, and what they do. */
export const keys = (): readonly (readonly [string, string])[] => [
  ["/", "Search, or add a tag"],
  ["← ↑ → ↓", "Go from picture to picture, or move an enlarged one"],
  ["1 … 9", "Add the tag of this place under Perhaps"],
  ["Enter", "Confirm the tags of the picture, and go to the next one"],
  ["Ctrl+A", "Select all pictures shown"],
  ["Shift", "With a press: select all up to there"],
  ["+ − 0", "Enlarge the picture, or show all of it; so do wheel and double click"],
  ["Ctrl+Z", "Undo"],
  ["Esc", "Back"],
  ["?", "Show these keys"],
];

/** The button to confirm pictures on their own screens. */
export const oneByOne = () => "One by one";

/** The meaning of a threshold. */
export function threshold(rule: Rule, value: number): string {
  if (rule === "top_k") return value === 1 ? "The most probable tag" : `The ${value} most probable tags`;
  if (rule === "cumulative") return `Tags until their probabilities sum to ${trim(value * 100)} %`;
  const [times, of] = fraction(value);
  return `The right tag is inside ${times === 1 ? "1 time" : `${times} times`} in ${of}`;
}

/** A threshold in short, for the button to reset it. */
export function thresholdShort(rule: Rule, value: number): string {
  return rule === "top_k" ? many(value, "tag") : `${trim(value * 100)} %`;
}

/** What became of added files, in one line. */
export function added({ added, again, refused, cancelled }: Added): string {
  const parts = [
    added.length > 0 || again.length + refused.length === 0 ? `${many(added.length, "picture")} added` : "",
    again.length > 0 ? `${again.length.toLocaleString("en")} already here` : "",
    refused.length > 0 ? `${refused.length.toLocaleString("en")} not added` : "",
  ];
  return `${cancelled ? "Cancelled. " : ""}${parts.filter(Boolean).join(", ")}`;
}

/** At the opening after an addition that did not end. */
export function unfinished({ left, total }: Unfinished): string {
  return `Adding pictures ended early: ${left.toLocaleString("en")} of ${many(total, "picture")} may be missing. Choose all of them again; those that are here are skipped.`;
}

/** What imported lessons brought. */
export function imported({ pictures, tags }: Imported): string {
  if (pictures + tags === 0) return "Nothing new in these lessons";
  return `${many(pictures, "picture")} and ${many(tags, "tag")} imported`;
}

/** Bytes with a unit. */
export function bytes(count: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** How much room the app takes. */
export function storageUsed({ used, quota }: StorageView): string {
  if (used === null) return "The browser does not say how much is used.";
  return quota === null ? `${bytes(used)} used` : `${bytes(used)} used of ${bytes(quota)} that the browser allows`;
}

/** Whether the browser may delete what was taught. */
export function storagePersistence(persisted: boolean | null, secure: boolean): string {
  if (persisted === true) return "The browser keeps what you taught.";
  if (!secure) {
    return "Without HTTPS the app cannot be installed, and the browser may delete what you taught when space runs low: export your lessons.";
  }
  return "The browser may delete what you taught when space runs low: export your lessons.";
}

/** How long ago, or the date. */
export function when(time: number, now: number): string {
  const minutes = Math.floor((now - time) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${many(minutes, "minute")} ago`;
  if (minutes < 24 * 60) return `${many(Math.floor(minutes / 60), "hour")} ago`;
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** How many pictures taught a tag; null for one that was known before. */
export function taughtBy(pictures: number | null, taught: number): string {
  if (pictures === null) return taught === 0 ? "Known" : `Known, and ${many(taught, "picture")} of yours`;
  if (taught === 0) return pictures === 0 ? "Not taught yet" : many(pictures, "picture");
  return pictures === taught
    ? `${many(taught, "picture")} of yours`
    : `${many(pictures, "picture")}, ${taught} of yours`;
}

/** The last entry of a list of tags. */
export const newTag = (name: string) => `New tag “${name}”`;
/** The notice on an unknown picture. */
export const unknown = () => "Nothing I know fits well. Teach me: about five pictures are enough.";
/** The note beside the export of lessons. */
export const exportNote = () =>
  "The file contains your taught pictures as small squares, with their tags. Share it only with people who may see them.";
/** Before a tag is deleted. */
export const removeTag = (name: string, taught: number) =>
  `“${name}” will not be suggested any more${taught > 0 ? `, and what ${many(taught, "picture")} of yours taught it is forgotten` : ""}. You can undo this.`;
/** Before two tags are merged. */
export const mergeTag = (name: string, into: string) =>
  `“${into}” keeps its name and knows what both were taught. “${name}” is removed. You can undo this.`;
/** Before a tag is reset. */
export const resetTag = (name: string) =>
  `What you taught “${name}”, its new name and its merges are forgotten. You can undo this.`;
/** Before everything is reset. */
export const resetAll = () =>
  "All lessons, confirmations and changes of tags are forgotten. Your pictures stay. You can undo this.";
/** Before pictures are removed; the lessons of `keeping` of them stay. */
export function removePictures(count: number, keeping: number): string {
  const out =
    count === 1
      ? "This picture is removed from the app. The original file stays where it is."
      : `${many(count, "picture")} are removed from the app. The original files stay where they are.`;
  const those = keeping === count ? "they" : `${keeping.toLocaleString("en")} of them`;
  const stays =
    count === 1
      ? "What it taught stays, with a small square of it."
      : `What ${those} taught stays, with a small square of each.`;
  const goes = keeping > 0 ? "Everything else leaves" : count === 1 ? "It leaves" : "They leave";
  const end = `${goes} this device when the app is opened next. Until then you can undo this.`;
  return [out, ...(keeping > 0 ? [stays] : []), end].join(" ");
}
/** Whether stored lessons survive a failure to open: not where the browser cannot store anything. */
export const isSafe = (why: string) => !why.startsWith("This browser does not let the app keep anything");
/** The title of that screen. */
export const failureTitle = (isElsewhere: boolean) =>
  isElsewhere ? "The app is open elsewhere" : "The tagger could not be opened";
/** Its button. */
export const again = (isElsewhere: boolean) => (isElsewhere ? "Use it here" : "Try again");
/** After another tab took the app over. */
export const takenOver = () => "You went on in another tab or window. Nothing was lost.";
/** The reassurance on the screen of a failure. */
export const safe = () => "What you taught is safe: it stays stored on this device.";

/** The button that confirms the likely tags of selected pictures. */
export const confirmSelected = (count: number) => (count === 0 ? "Confirm" : `Confirm ${count.toLocaleString("en")}`);
/** Marks pictures that fit no tag. */
export const noTagFits = () => "No tag fits";
/** The number of selected pictures. */
export const selected = (count: number) => `${count.toLocaleString("en")} selected`;
/** The window's title. */
export const title = (page: string, name?: string) =>
  `${name ?? { tags: "Tags", more: "More" }[page] ?? "Pictures"} · imagetagger`;
/** A message with a capital letter and a full stop. */
export const sentence = (text: string) =>
  `${text.charAt(0).toLocaleUpperCase("en")}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
/** The notice on a picture without a likely tag. */
export const unsure = () => "I am not sure. Is it one of these?";
/** What to do with a new tag. */
export const newTagHint = () => "Then teach it: open a picture, or select several, and add the tag.";
/** What sidecars are. */
export const sidecars = () =>
  "The tags that you confirmed, a small file for each picture. Unpack them beside your pictures, and digiKam, darktable and others read them. Keep .xmp files that are there already: they may hold your edits.";
/** What lessons are. */
export const lessons = () => "What you taught, in one file: for another device, or as a backup.";
/** Why to install the app. */
export const install = () => "Installed, the app has an icon and a window of its own.";
/** Whether the app opens without a network. */
export function offline(state: Offline, secure: boolean): string {
  if (!secure) return "Without HTTPS the app needs its server.";
  if (state === "impossible") return "This browser cannot store the app: it needs its server.";
  return state === "ready" ? "Ready to work offline." : "Getting ready to work offline …";
}
/** While the worker loads. */
export const opening = () => "Opening the tagger …";
/** While files are dragged over the page. */
export const drop = () => "Drop the pictures to add them";
/** After a drop without a picture, as of an empty folder. */
export const nothingFound = () => "No pictures were found there";
/** Beside a tag that the picture has already. */
export const alreadyHere = () => "already here";
/** Beside a broader term that can be taught. */
export const broader = () => "broader term";
/** Beside a tag that is not suggested. */
export const hidden = () => "hidden";
/** The button for more rows of a long list. */
export const showMore = (count: number, left: number) =>
  count === left ? `Show ${count.toLocaleString("en")} more` : `Show ${count} more of ${left.toLocaleString("en")}`;
/** A new version of the app is available. */
export const update = () => "A new version is ready.";
/** A failure without a message. */
export const failed = () => "That did not work. Nothing was lost. Try it again.";
/** The browser refused persistent storage. */
export const persistenceRefused = () => "The browser declined. Installing the app helps; so does using it often.";
/** A step that was undone. */
export const undone = (what: string) => `Undone: ${what}`;
/** The progress of long work. */
export const progress = (done: number, total: number) =>
  `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
/** After a bundle of another embedding space was opened. */
export function reembedded(count: number, unreadable: number): string {
  const summary = `The tagger is new. It looked again at your ${many(count, "picture")}.`;
  if (unreadable === 0) return summary;
  const which = unreadable === 1 ? "it" : "they";
  return `${summary} ${many(unreadable, "other")} could not be read, and what ${which} taught is left out.`;
}
/** Above the list of files that were not added. */
export const refusedTitle = (count: number) =>
  count === 1 ? "This file was not added:" : "These files were not added:";

function fraction(value: number): [number, number] {
  const of = Math.abs(value * 100 - Math.round(value * 100)) < 1e-6 ? 100 : 1000;
  const times = Math.round(value * of);
  const shared = divisor(times, of);
  return [times / shared, of / shared];
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

function trim(value: number): string {
  return String(Math.round(value * 10) / 10);
}
