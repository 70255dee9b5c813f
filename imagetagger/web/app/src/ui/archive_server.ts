import type { PictureId } from "../api";
import { UserError } from "../format/problems";
import type { Answer, Answered, Questions } from "./archive_review";

/** The server of a review of an archive; its errors are problems for the user. */
export interface ReviewServer {
  questions(): Promise<Questions>;
  /** The square inside of a picture; undefined where its file cannot be read any more. */
  crop(picture: PictureId): Promise<Blob | undefined>;
  /** All of a picture. */
  whole(picture: PictureId): Promise<Blob | undefined>;
  /** Stores answers, at most `MOST_ANSWERS`. */
  answer(answers: readonly Answer[]): Promise<Answered>;
}

/** Where the token stays while the tab is open, also when the page is loaded again. */
const KEY = "imagetagger review";

/** Opens the review by the word in the address, which is then taken out of it, or by what the tab remembers. */
export async function connect(): Promise<ReviewServer> {
  const { hash } = window.location;
  const given = /^#[\w-]+$/.test(hash) ? hash.slice(1) : null;
  if (given !== null) window.history.replaceState(null, "", "./");
  const session = await ask("session", given ?? window.sessionStorage.getItem(KEY) ?? "", { method: "POST", body: "" });
  const token = await session.text();
  window.sessionStorage.setItem(KEY, token);
  const picture = async (kind: string, id: PictureId) => {
    const response = await ask(`${kind}/${encodeURIComponent(id)}`, token);
    return response.ok ? response.blob() : undefined;
  };
  return {
    questions: async () => (await ask("questions", token)).json(),
    crop: (id) => picture("square", id),
    whole: (id) => picture("whole", id),
    answer: async (answers) => {
      const headers = { "Content-Type": "application/json" };
      const response = await ask("answers", token, { method: "POST", body: JSON.stringify(answers), headers });
      if (!response.ok) throw new UserError({ kind: "technical", text: (await response.text()).trim() });
      return response.json();
    },
  };
}

async function ask(name: string, token: string, request: RequestInit = {}): Promise<Response> {
  const headers = { ...request.headers, Authorization: `Bearer ${token}` };
  const response = await fetch(`./review/${name}`, { ...request, headers }).catch(() => null);
  if (response === null) throw new UserError({ kind: "reviewEnded" });
  if (response.status === 403) throw new UserError({ kind: "reviewRefused" });
  return response;
}
