import { app } from "./german/app";
import { format, names } from "./german/formats";
import { gallery } from "./german/gallery";
import { step } from "./german/history";
import { picture } from "./german/picture";
import { problem } from "./german/problems";
import { review } from "./german/review";
import { settings } from "./german/settings";
import { tags } from "./german/tags";
import type { Words } from "./languages";

/** All that the app says, in German. */
export const german: Words = {
  code: "de",
  name: "Deutsch",
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
