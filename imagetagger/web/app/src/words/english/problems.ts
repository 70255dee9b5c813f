import type { ForeignFile, Problem, RarePicture } from "../../format/problems";
import { sentence } from "../formats";
import { format } from "./formats";

const FOREIGN: Record<ForeignFile, string> = {
  eps: "an EPS drawing, which is not read: it is a program. Save it as PNG",
  fits: "a FITS picture, which is not read. Save it as PNG",
  gimp: "a GIMP file, which is not read. Save it as JPEG",
  hdf5: "an HDF5 file, not a picture",
  icns: "an icon of macOS, which is not read. Save it as PNG",
  pdf: "a PDF, not a picture. Save its page as JPEG",
  photoshop: "a Photoshop file, which is not read. Save it as JPEG",
  qoi: "a QOI picture, which is not read. Save it as PNG",
  raw: "a camera raw file, which is not read. Save it as JPEG",
  svg: "an SVG: a drawing that could run scripts. Save it as PNG",
  text: "a web page or other text, not a picture",
  video: "a video, not a picture",
};

const RARE: Record<RarePicture, string> = {
  heic: "HEIC picture",
  jp2: "JPEG 2000 picture",
  jxl: "JPEG XL picture",
  tiff: "TIFF or camera raw file",
};

const DAMAGED = "damaged: cut short or corrupt";

/** What went wrong, and what to do. */
export function problem(problem: Problem): string {
  return sentence(phrase(problem));
}

/** The same, to be part of a longer text. */
function phrase(problem: Problem): string {
  switch (problem.kind) {
    case "emptyFile":
      return "an empty file";
    case "notAPicture":
      return "not a picture";
    case "otherPicture":
      return "not a picture that browsers can read. Save it as JPEG";
    case "lostFile":
      return "cannot be read: was it moved, or changed?";
    case "fileTooLarge":
      return "too large: more than 1 GiB";
    case "damagedPicture":
      return DAMAGED;
    case "damagedOrTooLarge":
      return `${DAMAGED}, or too large for this browser`;
    case "tooManyPixels": {
      const [width, height] = [format.number(problem.width), format.number(problem.height)];
      return `too large: ${width} x ${height} pixels; at most ${format.compact(problem.most)}`;
    }
    case "foreignFile":
      return FOREIGN[problem.file];
    case "rarePicture":
      return `a ${RARE[problem.picture]}, which this browser cannot read. Save it as JPEG`;
    case "hiddenPixels":
      return "this browser hides pixels from apps, against tracking. Let this page read canvases, or use another browser";
    case "noCanvas":
      return "this browser provides no canvas: it is out of memory, or too old";
    case "storageFull":
      return "This device has no room left for the app. Nothing was lost, and nothing changed: free some space, or remove pictures here and open the app again.";
    case "storageClosed":
      return "The browser closed the app's storage. Nothing was lost: reload the page.";
    case "persistenceRefused":
      return "The browser declined. Installing the app helps; so does using it often.";
    case "noStorage":
      return `This browser does not let the app keep anything (${problem.why}). In a private window? Use a normal one.`;
    case "notStored":
      return `This could not be stored: ${problem.why}`;
    case "elsewhere":
      return "The app is open in another tab or window already: go on there, or use it here.";
    case "takenOver":
      return "You went on in another tab or window. Nothing was lost.";
    case "appNotLoaded":
      return "A part of the app could not be loaded. Try it again.";
    case "taggerNotLoaded":
      return "The files that run the tagger cannot be fetched: is the server running, and this device connected?";
    case "notFetched":
      return problem.status === null
        ? `A file of the tagger cannot be fetched (${problem.file}): is the server running, and this device connected?`
        : `A file of the tagger cannot be fetched (${problem.file}): the server answers ${problem.status}.`;
    case "emptyName":
      return "a name needs at least one character";
    case "unseenName":
      return "a name needs at least one character that is seen";
    case "unsafeName":
      return "the name has control characters, or marks that reverse the text: leave them out";
    case "longName":
      return `a name has at most ${format.number(problem.most)} characters, this one has ${format.number(problem.length)}`;
    case "tagExists":
      return `there is a tag “${problem.name}” already: choose another name, or use that tag`;
    case "termExists":
      return `there is a broader term “${problem.name}” already: choose another name, or merge the tag into it`;
    case "otherTagExists":
      return `there is another tag “${problem.name}” by now: rename or delete that one first`;
    case "nameIsId":
      return `the tag “${problem.tag}” has “${problem.name}” as its id: choose another name`;
    case "reviewEnded":
      return "The review has ended: start “imagetagger archive review” again. All that you answered before is stored.";
    case "reviewRefused":
      return "This address does not open the review. Use the one that “imagetagger archive review” prints.";
    case "nothingToUndo":
      return "There is nothing to undo.";
    case "changedSince":
      return "Something else was changed since. More lists all steps: undo the last one first.";
    case "sameTag":
      return "a tag cannot be merged into itself: choose another one";
    case "noTag":
      return "Choose at least one tag.";
    case "stillTagged":
      return "A picture has confirmed tags: remove them first.";
    case "pictureRemoved":
      return "This picture was removed.";
    case "nothingTaught":
      return "You have not taught anything yet: confirm a picture first.";
    case "nothingConfirmed":
      return "No picture has a confirmed tag yet: confirm one first.";
    case "squareLost":
      return `The picture ${problem.picture} lost its pixels: remove its tags, and export again.`;
    case "unusableFile":
      return `This file cannot be imported: ${problem.why}`;
    case "technical":
      return problem.text || "That did not work. Nothing was lost. Try it again.";
  }
}
