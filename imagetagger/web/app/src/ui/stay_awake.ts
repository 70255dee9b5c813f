import { useEffect } from "preact/hooks";

/** While there is work, keeps the screen on, where the browser can, and asks before the page is left. */
export function useStayAwake(isAtWork: boolean): void {
  useEffect(() => {
    if (!isAtWork) return;
    let lock: Promise<WakeLockSentinel | undefined> | undefined;
    const hold = () => {
      if (document.visibilityState === "visible") lock = navigator.wakeLock?.request("screen").catch(() => undefined);
    };
    const ask = (event: Event) => event.preventDefault();
    hold();
    document.addEventListener("visibilitychange", hold); // a hidden page loses its lock
    window.addEventListener("beforeunload", ask);
    return () => {
      document.removeEventListener("visibilitychange", hold);
      window.removeEventListener("beforeunload", ask);
      void lock?.then((held) => held?.release());
    };
  }, [isAtWork]);
}
