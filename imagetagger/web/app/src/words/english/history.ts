import type { Act, StepPictures } from "../../format/acts";
import { names, pictures } from "./formats";

const named = ({ count, name }: StepPictures) => name ?? pictures(count);

/** What a step did. */
export function step(act: Act): string {
  switch (act.kind) {
    case "confirmed":
      return act.tags.length > 0
        ? `Confirmed ${names(act.tags)} on ${named(act.pictures)}`
        : `Confirmed the tags of ${named(act.pictures)}`;
    case "dismissed":
      return `Confirmed that no tag fits ${named(act.pictures)}`;
    case "untagged":
      return `Removed all tags of ${named(act.pictures)}`;
    case "added":
      return `Added ${named(act.pictures)}`;
    case "removed":
      return `Removed ${named(act.pictures)}`;
    case "imported":
      return `Imported what ${named(act.pictures)} taught`;
    case "tagAdded":
      return `Added the tag ${act.tag}`;
    case "tagRenamed":
      return `Renamed ${act.tag} to ${act.name}`;
    case "tagMerged":
      return `Merged ${act.tag} into ${act.into}`;
    case "tagHidden":
      return `Hid the tag ${act.tag}`;
    case "tagShown":
      return `Suggesting ${act.tag} again`;
    case "tagDeleted":
      return `Deleted the tag ${act.tag}`;
    case "tagReset":
      return `Reset the tag ${act.tag}`;
    case "twinsMerged":
      return `Merged ${names(act.tags)} with the tagger's own`;
    case "allReset":
      return "Reset everything";
    case "worded":
      return act.text;
  }
}
