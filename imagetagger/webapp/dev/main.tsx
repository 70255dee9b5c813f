import { render } from "preact";
import { App } from "../src/ui/App";
import { fakeEngine } from "./fake_engine";
import "../src/ui/styles/all";

const query = new URLSearchParams(location.search);
const engine = fakeEngine({ count: Number(query.get("n") ?? 48), fail: query.has("fail"), slow: query.has("slow") });
const watch = query.has("update")
  ? (dispatch: (action: { type: "update"; update: () => void }) => void) =>
      dispatch({ type: "update", update: () => location.reload() })
  : undefined;
const root = document.getElementById("app");
if (root !== null) render(<App engine={engine} open={engine.open} {...(watch ? { watch } : {})} />, root);
