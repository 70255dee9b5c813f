/** A worker that reads pictures: one is decoded while the engine embeds another. */

import * as Comlink from "comlink";
import { sendProblems } from "../format/thrown";
import { readPicture } from "./decode";

/** See `readPicture`. */
export type ReadPicture = typeof readPicture;

const read: ReadPicture = async (file, size, pixelLimit) => {
  const picture = await readPicture(file, size, pixelLimit);
  return Comlink.transfer(picture, [picture.square.buffer]);
};

sendProblems();
Comlink.expose(read);
