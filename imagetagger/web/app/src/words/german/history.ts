import type { StepPictures } from "../../format/acts";
import type { Words } from "../languages";
import { names, pictures, picturesDative } from "./formats";

const named = ({ count, name }: StepPictures) => name ?? pictures(count);
const namedDative = ({ count, name }: StepPictures) => name ?? picturesDative(count);

/** What a step did. */
export const step: Words["step"] = (act) => {
  switch (act.kind) {
    case "confirmed":
      return act.tags.length > 0
        ? `${names(act.tags.map((tag) => `„${tag}“`))} bei ${namedDative(act.pictures)} bestätigt`
        : `Stichwörter von ${namedDative(act.pictures)} bestätigt`;
    case "dismissed":
      return `Bestätigt, dass nichts zu ${namedDative(act.pictures)} passt`;
    case "untagged":
      return `Alle Stichwörter von ${namedDative(act.pictures)} entfernt`;
    case "added":
      return `${named(act.pictures)} hinzugefügt`;
    case "removed":
      return `${named(act.pictures)} entfernt`;
    case "imported":
      return `Gelerntes aus ${namedDative(act.pictures)} importiert`;
    case "tagAdded":
      return `Stichwort „${act.tag}“ hinzugefügt`;
    case "tagRenamed":
      return `„${act.tag}“ in „${act.name}“ umbenannt`;
    case "tagMerged":
      return `„${act.tag}“ mit „${act.into}“ zusammengeführt`;
    case "tagHidden":
      return `„${act.tag}“ wird nicht mehr vorgeschlagen`;
    case "tagShown":
      return `„${act.tag}“ wird wieder vorgeschlagen`;
    case "tagDeleted":
      return `Stichwort „${act.tag}“ gelöscht`;
    case "tagReset":
      return `Stichwort „${act.tag}“ zurückgesetzt`;
    case "twinsMerged":
      return `${names(act.tags.map((tag) => `„${tag}“`))} mit den mitgelieferten Stichwörtern zusammengeführt`;
    case "allReset":
      return "Alles zurückgesetzt";
    case "worded":
      return act.text;
  }
};
