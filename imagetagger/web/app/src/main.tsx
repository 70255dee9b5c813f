import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/controls.module.css"; // before those of components, which resize some buttons
import { render } from "preact";
import { UserError } from "./format/problems";
import { remoteEngine } from "./remote_engine";
import { App } from "./ui/App";
import { watchBrowser } from "./ui/browser";
import { LanguageProvider } from "./ui/language";
import { offerSharing } from "./ui/receiving";
import { takesOver } from "./ui/taking_over";
import "./ui/styles/utilities.css";

const worker = new Worker(new URL("./engine/worker.ts", import.meta.url));
const engine = remoteEngine(worker);
const lost = new Promise<never>((_, reject) => {
  worker.addEventListener("error", () => reject(new UserError({ kind: "appNotLoaded" })));
});
offerSharing();
const root = document.getElementById("app");
if (root === null) throw new Error("got a page without #app, expected index.html");
render(
  <LanguageProvider>
    <App
      engine={engine}
      open={(listen) => Promise.race([engine.open(listen, takesOver()), lost])}
      watch={watchBrowser}
    />
  </LanguageProvider>,
  root,
);
