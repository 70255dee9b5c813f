import { app } from "./english/app";
import { format, names } from "./english/formats";
import { gallery } from "./english/gallery";
import { step } from "./english/history";
import { picture } from "./english/picture";
import { problem } from "./english/problems";
import { review } from "./english/review";
import { settings } from "./english/settings";
import { tags } from "./english/tags";

/** All that the app says, in English. */
export const english = {
  code: "en",
  name: "English",
  number: format.number,
  list: names,
  app,
  gallery,
  picture,
  review,
  tags,
  settings,
  step,
  problem,
};
