import type { Added, Imported, Rule, StorageView } from "../api";
import type { Offline } from "./state";

/** What this is, on the first screen. */
export const hello = () => "Your pictures, tagged";
/** The promise, on the first screen. */
export const promise = () =>
  "Choose some pictures and see what they show. Correct a tag, and the tagger learns from you. All of it happens here: pictures never leave this device.";

/** One thing, or several of it: "1 picture", "3 pictures". */
export function many(count: number, one: string, several = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
}

/** A probability as people say it: never 0 or 100. */
export function percent(probability: number): string {
  return probability < 0.005 ? "< 1 %" : `${Math.min(99, Math.round(probability * 100))} %`;
}

/** Names after each other: "cat, Rex and 2 more". */
export function list(names: readonly string[], most = 3): string {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
}

/** What the button of a picture will do. */
export function confirmLabel(learn: readonly string[], forget: readonly string[]): string {
  const parts = [learn.length > 0 ? `Learn: ${list(learn)}` : "", forget.length > 0 ? `Forget: ${list(forget)}` : ""];
  return parts.filter(Boolean).join(" · ");
}

/** That button where it has nothing to learn or forget: what it can note, or what is known already. */
export function settled(dismisses: boolean, isTaught: boolean): string {
  if (dismisses) return "No tag fits";
  return isTaught ? "Learned" : dismissed();
}

/** What happened to a picture that no tag fits. */
export const dismissed = () => "Noted: no tag fits";

/** What happened after that button. */
export function confirmed(learn: readonly string[], forget: readonly string[]): string {
  if (learn.length === 0) return `Forgot ${list(forget)}`;
  return `Learned ${list(learn)}`;
}

/** What stands beside a tag that is kept: whose it is, or the tagger's probability. */
export function mark(probability: number | null, own: boolean): string {
  if (own) return "yours";
  return probability === null ? "new" : percent(probability);
}

/** What the picture shows, for who cannot see the chips. */
export function spoken(
  tags: readonly { name: string; probability: number | null; own: boolean }[],
  dismissed: boolean,
  unknown: boolean,
): string {
  if (tags.length === 0) return dismissed ? "No tag fits." : unknown ? "Nothing known fits." : "No tags yet.";
  const each = tags.map(({ name, probability, own }) =>
    own || probability === null
      ? `${name}, ${mark(probability, own)}`
      : `${name} ${percent(probability).replace("%", "percent").replace("< ", "under ")}`,
  );
  return `${many(tags.length, "tag")}: ${each.join(", ")}`;
}

/** A tile of the gallery, for who cannot see it. */
export function tileLabel(file: string, name: string | null, kind: "confirmed" | "unknown" | "suggested"): string {
  if (kind === "unknown") return `${file}: unknown`;
  return `${file}: ${name ?? "no tag"}, ${kind}`;
}

/** The meaning of a threshold. */
export function threshold(rule: Rule, value: number): string {
  if (rule === "top_k") return value === 1 ? "The most probable tag" : `The ${value} most probable tags`;
  if (rule === "cumulative") return `Tags until their probabilities sum to ${trim(value * 100)} %`;
  const [times, of] = fraction(value);
  return `The right tag is inside ${times === 1 ? "1 time" : `${times} times`} in ${of}`;
}

/** A threshold as short as it goes, for the way back to the bundle's. */
export function thresholdShort(rule: Rule, value: number): string {
  return rule === "top_k" ? many(value, "tag") : `${trim(value * 100)} %`;
}

/** What became of files, in one line. */
export function added({ added, again, refused, cancelled }: Added): string {
  const parts = [
    added.length > 0 || again.length + refused.length === 0 ? `${many(added.length, "picture")} added` : "",
    again.length > 0 ? `${again.length.toLocaleString("en")} already here` : "",
    refused.length > 0 ? `${refused.length.toLocaleString("en")} not added` : "",
  ];
  return `${cancelled ? "Cancelled. " : ""}${parts.filter(Boolean).join(", ")}`;
}

/** What came with a file of lessons. */
export function imported({ pictures, tags }: Imported): string {
  if (pictures + tags === 0) return "Nothing new in these lessons";
  return `${many(pictures, "picture")} and ${many(tags, "tag")} imported`;
}

/** Bytes, as people say them. */
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

/** Whether what was taught is safe from the browser. */
export function storagePromise(persisted: boolean | null, secure: boolean): string {
  if (persisted === true) return "The browser promised to keep what you taught.";
  if (!secure) {
    return "Without HTTPS the browser promises nothing, and the app cannot be installed. It may clear this when space runs low: export your lessons.";
  }
  return "The browser may clear this when space runs low: export your lessons.";
}

/** How long ago, then the date. */
export function when(time: number, now: number): string {
  const minutes = Math.floor((now - time) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${many(minutes, "minute")} ago`;
  if (minutes < 24 * 60) return `${many(Math.floor(minutes / 60), "hour")} ago`;
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** How many pictures taught a tag. */
export function taughtBy(pictures: number, taught: number): string {
  if (taught === 0) return pictures === 0 ? "Not taught yet" : many(pictures, "picture");
  return pictures === taught
    ? `${many(taught, "picture")} of yours`
    : `${many(pictures, "picture")}, ${taught} of yours`;
}

/** The last entry of a list of tags. */
export const newTag = (name: string) => `New tag “${name}”`;
/** The notice on a picture that fits no tag. */
export const unknown = () => "Nothing I know fits well. Teach me: five pictures or so do.";
/** The note beside the export of lessons. */
export const exportNote = () =>
  "The file contains your pictures as small squares, and what you said of them. Give it only to people who may see them.";
/** Before a tag goes. */
export const removeTag = (name: string, taught: number) =>
  `“${name}” will not be suggested any more${taught > 0 ? `, and what ${many(taught, "picture")} of yours taught it is put away` : ""}. You can undo this.`;
/** Before one tag goes into another. */
export const mergeTag = (name: string, into: string) =>
  `“${into}” keeps its name and knows what both were taught. “${name}” goes. You can undo this.`;
/** Before a tag becomes the bundle's again. */
export const resetTag = (name: string) =>
  `What you taught “${name}”, its new name and its merges are forgotten. You can undo this.`;
/** Before everything that was taught goes. */
export const resetAll = () =>
  "All that you taught and said of pictures, and every change of tags, is forgotten. Your pictures stay. You can undo this.";
/** Before pictures go, some of which, `keeping`, taught something that stays. */
export function removePictures(count: number, keeping: number): string {
  const out =
    count === 1
      ? "This picture is taken out of the app. The original file stays where it is."
      : `${many(count, "picture")} are taken out of the app. The original files stay where they are.`;
  const those = keeping === count ? "they" : `${keeping.toLocaleString("en")} of them`;
  const stays =
    count === 1
      ? "What it taught stays, with a small square of it."
      : `What ${those} taught stays, with a small square of each.`;
  const goes = keeping > 0 ? "All else leaves" : count === 1 ? "It leaves" : "They leave";
  const end = `${goes} this device when the app is opened next. Until then you can undo this.`;
  return [out, ...(keeping > 0 ? [stays] : []), end].join(" ");
}
/** Whether a failure to open leaves what was taught where it is: not where the browser kept nothing at all. */
export const isSafe = (why: string) => !why.startsWith("This browser does not let the app keep anything");
/** What lessons are safe from, on the screen of a failure. */
export const safe = () => "What you taught is safe: it stays stored on this device.";

/** Goes through the pictures that wait. */
export const start = (count: number) => `Confirm ${many(count, "picture")}`;
/** How many pictures are selected. */
export const selected = (count: number) => `${count.toLocaleString("en")} selected`;
/** The window's title. */
export const title = (page: string, name?: string) =>
  `${name ?? { tags: "Tags", more: "More" }[page] ?? "Pictures"} · imagetagger`;
/** A message with a capital and a full stop. */
export const sentence = (text: string) =>
  `${text.charAt(0).toLocaleUpperCase("en")}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
/** A picture for whose tags the tagger does not stand up. */
export const unsure = () => "I am not sure. Is it one of these?";
/** What a new tag is for. */
export const newTagHint = () => "Then teach it: open a picture, or select several, and add the tag.";
/** What lessons are. */
export const lessons = () => "What you taught, in one file: for another device, or to keep it safe.";
/** What installing is for. */
export const install = () => "Installed, the app has an icon and a window of its own.";
/** Whether the app opens without a network. */
export function offline(state: Offline, secure: boolean): string {
  if (!secure) return "Without HTTPS the app needs its server.";
  if (state === "impossible") return "This browser does not keep the app: it needs its server.";
  return state === "ready" ? "Ready to work offline." : "Getting ready to work offline …";
}
/** While the worker loads. */
export const opening = () => "Opening the tagger …";
/** Where files hang over the page. */
export const drop = () => "Drop the pictures to add them";
/** After a drop without a file, as of an empty folder. */
export const nothingFound = () => "No pictures were found there";
/** Beside a tag that the picture has already. */
export const alreadyHere = () => "already here";
/** A new version of the app waits. */
export const update = () => "A new version is ready.";
/** A failure without words of its own. */
export const failed = () => "That did not work. Nothing was lost. Try it again.";
/** A browser that does not promise to keep what was taught. */
export const refusedPromise = () => "The browser did not promise it. Installing the app helps; so does using it often.";
/** A step that was taken back. */
export const undone = (what: string) => `Undone: ${what}`;
/** How far long work is. */
export const progress = (done: number, total: number) =>
  `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
/** After a bundle that sees differently. */
export function reembedded(count: number, unreadable: number): string {
  const said = `The tagger is new. It looked again at your ${many(count, "picture")}.`;
  if (unreadable === 0) return said;
  const what = unreadable === 1 ? "it" : "they";
  return `${said} ${many(unreadable, "other")} could not be read, and what ${what} taught is left out.`;
}
/** Above the list of files that were not taken. */
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
