/** The worker: a classic one, as LiteRT loads itself by importScripts. */

import * as Comlink from "comlink";
import { problemOf } from "../format/problems";
import { engine } from "./engine";

/** An error as Comlink sends it, which the other side makes an Error with these properties. */
type Sent = { isError: true; value: object } | { isError: false; value: unknown };

const handler = Comlink.transferHandlers.get("throw") as Comlink.TransferHandler<{ value: unknown }, Sent>;
Comlink.transferHandlers.set("throw", {
  ...handler,
  serialize(thrown: { value: unknown }) {
    const [sent, transferred] = handler.serialize(thrown);
    if (!sent.isError) return [sent, transferred];
    return [{ ...sent, value: { ...sent.value, problem: problemOf(thrown.value) } }, transferred];
  },
});

Comlink.expose(engine(new URL("../", self.location.href).href)); // the worker is in assets/ of the app's folder
