/** Errors between threads: Comlink sends their message, and with this their problem, which the page words. */

import * as Comlink from "comlink";
import { problemOf } from "./problems";

/** An error as Comlink sends it, which the other side makes an Error with these properties. */
type Sent = { isError: true; value: object } | { isError: false; value: unknown };

/** Makes this worker send the problem of each error that it throws. */
export function sendProblems(): void {
  const handler = Comlink.transferHandlers.get("throw") as Comlink.TransferHandler<{ value: unknown }, Sent>;
  Comlink.transferHandlers.set("throw", {
    ...handler,
    serialize(thrown: { value: unknown }) {
      const [sent, transferred] = handler.serialize(thrown);
      if (!sent.isError) return [sent, transferred];
      return [{ ...sent, value: { ...sent.value, problem: problemOf(thrown.value) } }, transferred];
    },
  });
}
