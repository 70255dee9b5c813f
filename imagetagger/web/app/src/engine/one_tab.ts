/** One tab at a time has the app: two would overwrite each other's lessons. */

import { UserError } from "../format/problems";

/**
 * Milliseconds. A page that was just left frees its lock in a moment; on a busy device it may take longer, and answers no
 * more. One that gives up ends its work first.
 */
const [PATIENCE, PATIENCE_WITHOUT_ANSWER, PATIENCE_TO_TAKE] = [3_000, 30_000, 15_000];

const [GIVE_UP, IS_THERE, I_AM] = ["Give it up, please.", "Is anybody there?", "I am."];

/**
 * Waits until this tab has the app, and keeps it until the tab is closed, or another takes it over.
 *
 * @param name of the app's storage.
 * @param takesOver whether another tab is asked to give it up; one that does not answer loses it.
 * @param giveUp called when another tab takes over; the other one waits for its end.
 * @throws UserError where another tab has it.
 */
export function holdTab(name: string, takesOver: boolean, giveUp: () => Promise<void>): Promise<void> {
  const channel = new BroadcastChannel(name);
  if (takesOver) channel.postMessage(GIVE_UP);
  return navigator.locks ? lock(name, channel, takesOver, giveUp) : askAround(channel, takesOver, giveUp);
}

async function lock(
  name: string,
  channel: BroadcastChannel,
  takesOver: boolean,
  giveUp: () => Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let isHeld = false;
    const hold = () => {
      isHeld = true;
      resolve();
      return new Promise<void>((release) => {
        channel.onmessage = ({ data }) => {
          if (data === IS_THERE) channel.postMessage(I_AM);
          if (data !== GIVE_UP) return;
          channel.close();
          void giveUp().finally(release);
        };
      });
    };
    const lost = () => {
      channel.close();
      if (isHeld)
        void giveUp(); // it was taken from a tab that slept
      else reject(new UserError({ kind: "elsewhere" }));
    };
    const waiting = new AbortController();
    const signal = takesOver ? AbortSignal.timeout(PATIENCE_TO_TAKE) : waiting.signal;
    if (!takesOver) void untilAnswered(channel, () => isHeld).then(() => waiting.abort());
    navigator.locks.request(name, { signal }, hold).catch(() => {
      if (isHeld || !takesOver) lost();
      else navigator.locks.request(name, { steal: true }, hold).catch(lost);
    });
  });
}

/** Waits until it is clear that another tab has the app: it answers, though it had time to go. */
async function untilAnswered(channel: BroadcastChannel, isHeld: () => boolean): Promise<void> {
  await new Promise((resume) => setTimeout(resume, PATIENCE));
  const deadline = Date.now() + PATIENCE_WITHOUT_ANSWER;
  while (!isHeld() && Date.now() < deadline) if (await isAnswered(channel)) return;
}

/** Without HTTPS browsers have no locks: an open tab answers instead. */
async function askAround(channel: BroadcastChannel, takesOver: boolean, giveUp: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + (takesOver ? PATIENCE_TO_TAKE : 0);
  while (await isAnswered(channel))
    if (Date.now() > deadline) {
      channel.close();
      throw new UserError({ kind: "elsewhere" });
    }
  channel.onmessage = ({ data }) => {
    if (data === IS_THERE) channel.postMessage(I_AM);
    else if (data === GIVE_UP) void giveUp().finally(() => channel.close());
  };
}

function isAnswered(channel: BroadcastChannel): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 500);
    channel.onmessage = ({ data }) => {
      if (data !== I_AM) return;
      clearTimeout(timer);
      setTimeout(() => resolve(true), 200); // then it is asked again
    };
    channel.postMessage(IS_THERE);
  });
}
