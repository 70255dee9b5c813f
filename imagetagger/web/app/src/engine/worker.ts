/** The worker: a classic one, as LiteRT loads itself by importScripts. */

import * as Comlink from "comlink";
import { sendProblems } from "../format/thrown";
import { engine } from "./engine";

sendProblems();
Comlink.expose(engine(new URL("../", self.location.href).href)); // the worker is in assets/ of the app's folder
