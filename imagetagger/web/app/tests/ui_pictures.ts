import type { PictureView, Snapshot, TagView, TermView } from "../src/api";

/** A picture of the page's tests: unconfirmed, with nothing suggested, but for what is given. */
export function picture(id: string, more: Partial<PictureView> = {}): PictureView {
  const confirmed = (more.tags?.length ?? 0) > 0;
  const plain = {
    name: `${id}.jpg`,
    folder: "",
    added: 0,
    taken: null,
    width: 4,
    height: 3,
    tags: [],
    rejected: [],
    suggested: [],
    possible: [],
    predicted: true,
    unknown: false,
  };
  return { id, confirmed, ...plain, ...more };
}

/** A tag whose name is its id, but for what is given. */
export function tag(id: string, more: Partial<TagView> = {}): TagView {
  const plain = { name: id, synonyms: [], broader: [], pictures: 0, taught: 0, changed: false, hidden: false };
  return { id, original: id, ...plain, ...more };
}

/** A term whose name is its id, but for what is given. */
export function term(id: string, broader: string[] = [], synonyms: string[] = []): TermView {
  return { id, name: id, synonyms, broader };
}

/** Everything at first. */
export function snapshot(pictures: PictureView[], tags: TagView[] = []): Snapshot {
  return {
    bundle: { name: "b", digest: "", variant: "int8", size: 224, tags: tags.length, knowsDrawingsOnly: false },
    tags,
    terms: [],
    pictures,
    steps: [],
    threshold: { rule: "lac", value: 0.9, standard: 0.9, min: 0.5, max: 0.99, step: 0.01 },
    reembedded: 0,
    unreadable: 0,
    unfinished: null,
  };
}
