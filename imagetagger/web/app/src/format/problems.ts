/** What went wrong, as data: src/words/ words it for the user. */

/** Files that are no pictures, or that are never decoded. */
export type ForeignFile =
  | "eps"
  | "fits"
  | "gimp"
  | "hdf5"
  | "icns"
  | "pdf"
  | "photoshop"
  | "qoi"
  | "raw"
  | "svg"
  | "text"
  | "video";

/** Pictures that only some browsers decode. */
export type RarePicture = "heic" | "jp2" | "jxl" | "tiff";

/** A problem with what it concerns. Texts named `why` or `text` are details in English. */
export type Problem =
  // Of a file that is added
  | { kind: "emptyFile" | "notAPicture" | "otherPicture" | "lostFile" | "fileTooLarge" }
  | { kind: "damagedPicture" | "damagedOrTooLarge" }
  | { kind: "tooManyPixels"; width: number; height: number; most: number }
  | { kind: "foreignFile"; file: ForeignFile }
  | { kind: "rarePicture"; picture: RarePicture }
  // Of the browser and the device
  | { kind: "hiddenPixels" | "noCanvas" | "storageFull" | "storageClosed" | "persistenceRefused" }
  | { kind: "noStorage" | "notStored"; why: string }
  // Of the app's files and its tabs
  | { kind: "elsewhere" | "takenOver" | "appNotLoaded" | "taggerNotLoaded" }
  | { kind: "reviewEnded" | "reviewRefused" }
  | { kind: "notFetched"; file: string; status: number | null }
  // Of names of tags
  | { kind: "emptyName" | "unseenName" | "unsafeName" }
  | { kind: "longName"; length: number; most: number }
  | { kind: "tagExists" | "termExists" | "otherTagExists"; name: string }
  | { kind: "nameIsId"; name: string; tag: string }
  // Of what the user does
  | { kind: "nothingToUndo" | "changedSince" | "sameTag" | "noTag" | "stillTagged" | "pictureRemoved" }
  | { kind: "nothingTaught" | "nothingConfirmed" }
  | { kind: "squareLost"; picture: string }
  | { kind: "unusableFile"; why: string }
  | { kind: "technical"; text: string };

/** An error that the page words for the user. */
export class UserError extends Error {
  override name = "UserError";

  constructor(
    readonly problem: Problem,
    options?: ErrorOptions,
  ) {
    super(problem.kind === "technical" ? problem.text : Object.values(problem).join(": "), options);
  }
}

/** Returns the problem of whatever was thrown, also where it crossed from the worker, which loses the class. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Error && "problem" in error) return error.problem as Problem;
  return { kind: "technical", text: error instanceof Error ? error.message : String(error) };
}
