import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { holdTab } from "../src/engine/one_tab";

/** A channel whose messages arrive at once. */
class Channel {
  static all: Channel[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor() {
    Channel.all.push(this);
  }
  postMessage(data: unknown) {
    for (const other of Channel.all) if (other !== this) other.onmessage?.({ data });
  }
  close() {
    Channel.all = Channel.all.filter((each) => each !== this);
  }
}

/** Locks of which one can be held, as browsers have them. */
function locks() {
  let last: Promise<unknown> = Promise.resolve();
  return {
    request(_name: string, { signal }: { signal?: AbortSignal }, hold: () => Promise<void>) {
      const before = last;
      const turn = new Promise<void>((granted, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
        before.then(() => granted());
      });
      const held = turn.then(hold);
      last = held.catch(() => {});
      return held;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  Channel.all = [];
  vi.stubGlobal("BroadcastChannel", Channel);
  vi.stubGlobal("navigator", { locks: locks() });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const never = async () => {};

test("a second tab is refused while the first one answers", async () => {
  await holdTab("app", false, never);
  const second = expect(holdTab("app", false, never)).rejects.toMatchObject({ problem: { kind: "elsewhere" } });
  await vi.advanceTimersByTimeAsync(4_000);
  await second;
});

test("a page that goes slowly, and answers no more, is waited for", async () => {
  let go = () => {};
  void navigator.locks.request("app", {}, () => new Promise<void>((release) => (go = release)));
  let isHeld = false;
  const second = holdTab("app", false, never).then(() => {
    isHeld = true;
  });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(isHeld).toBe(false);
  go();
  await vi.advanceTimersByTimeAsync(1_000);
  await second;
  await vi.advanceTimersByTimeAsync(60_000); // and it is not given up later
  expect(isHeld).toBe(true);
});

test("a tab that hears nothing for long is refused", async () => {
  void navigator.locks.request("app", {}, () => new Promise<void>(() => {}));
  const second = expect(holdTab("app", false, never)).rejects.toMatchObject({ problem: { kind: "elsewhere" } });
  await vi.advanceTimersByTimeAsync(40_000);
  await second;
});

test("the first tab gives up for one that takes over", async () => {
  const giveUp = vi.fn(async () => {});
  await holdTab("app", false, giveUp);
  await holdTab("app", true, never);
  expect(giveUp).toHaveBeenCalledOnce();
});
