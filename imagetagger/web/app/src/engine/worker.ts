/** The worker: a classic one, as LiteRT loads itself by importScripts. */

import { sendProblems } from "../format/thrown";
import { exposeEngine } from "../remote_engine";
import { engine } from "./engine";

sendProblems();
exposeEngine(engine(new URL("../", self.location.href).href), self); // the worker is in assets/ of the app's folder
