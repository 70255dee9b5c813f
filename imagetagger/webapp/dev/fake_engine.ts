import type { Change, Engine, PictureView, Snapshot, StepView, TagView, ThresholdView } from "../src/api";

const files = import.meta.glob("./.pictures/*.{jpg,JPEG,png}", { eager: true, query: "?url", import: "default" });
const addresses = Object.values(files) as string[];

const NAMES =
  "Egyptian cat,golden retriever,lakeside,seashore,alp,brown bear,school bus,espresso,pizza,mushroom,sports car,teapot,umbrella,king penguin,koala,monarch butterfly,goldfish,bullfrog,steel arch bridge,acorn,lemon,orange,sunflower,temple,military uniform,Eisenbahnüberführung,Straßenkehrmaschine,قطة,寺,🐶 Rex".split(
    ",",
  );
const LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft und noch ein Stückchen";

/** An engine that makes everything up: for looking at screens. */
export function fakeEngine({ count, fail, slow }: { count: number; fail: boolean; slow: boolean }): Engine {
  let tell: (change: Change) => void = () => {};
  let cancelled = false;
  const waiting: File[] = [];
  let steps: StepView[] = [];
  const undos: (() => void)[] = [];
  let tags: TagView[] = [...NAMES, LONG].map((name, i) => ({
    id: `t${i}`,
    name: i === 2 ? "the lake" : name,
    synonyms: i === 0 ? ["puss", "kitty"] : i === 1 ? ["dog"] : [],
    pictures: i > 24 ? 5 + (i % 3) : 500 + (i > 20 ? i - 18 : 0),
    taught: i > 24 ? 5 + (i % 3) : i > 20 ? i - 18 : 0,
    original: i > 24 ? null : name,
    changed: i > 20 || i === 2,
  }));
  let threshold: ThresholdView = { rule: "aps", value: 0.9, standard: 0.9, min: 0.5, max: 0.99, step: 0.01 };
  const urls = new Map<string, string | File>();
  let serial = 0;
  const random = (seed: number) => (Math.sin(seed * 12.9898) * 43758.5453) % 1 ** 2;
  const make = (name: string, source: string | File, width: number, height: number): PictureView => {
    const n = serial++;
    const id = `p${n}`;
    urls.set(id, source);
    const at = (k: number) => Math.floor(Math.abs(random(n + k * 7.1)) * tags.length);
    const unknown = n % 9 === 7;
    const all = [...new Set([at(1), at(2), at(3), at(4), at(5)])].map((i) => tags[i]?.id ?? "t0");
    const probabilities = unknown ? [0.11, 0.08, 0.05, 0.03, 0.02] : [0.64 + (n % 30) / 100, 0.04, 0.03, 0.01, 0.004];
    return {
      id,
      name,
      added: Date.now() - n * 60_000,
      width,
      height,
      tags: n % 3 === 2 ? [tags[n % tags.length]?.id ?? "t0"] : [],
      suggested: all.slice(0, 3 + (n % 3)).map((tag, i) => ({ tag, probability: probabilities[i] ?? 0.01 })),
      unknown,
    };
  };
  const shape = (i: number): [number, number] =>
    [[640, 427] as const, [427, 640] as const, [512, 512] as const][i % 3] as [number, number];
  let pictures = Array.from({ length: count }, (_, i) => {
    const address = addresses[i % Math.max(1, addresses.length)] ?? "";
    const [, w, h] = /(\d+)x(\d+)\./.exec(address) ?? [];
    return make(
      i === 3 ? `${LONG}.jpg` : `IMG_${4100 + i}.jpg`,
      address,
      Number(w ?? shape(i)[0]),
      Number(h ?? shape(i)[1]),
    );
  });
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, slow ? ms * 20 : ms));
  const blob = async (id: string) => {
    const source = urls.get(id);
    if (source instanceof File) return source;
    return source ? await (await fetch(source)).blob() : undefined;
  };
  const step = (what: string, change: Change) => {
    const [tagsWere, picturesWere] = [tags, pictures];
    const known = new Set(pictures.map((p) => p.id));
    if (change.tags) tags = change.tags;
    for (const p of change.pictures ?? [])
      pictures = known.has(p.id) ? pictures.map((q) => (q.id === p.id ? p : q)) : [p, ...pictures];
    if (change.gone) pictures = pictures.filter((p) => !change.gone?.includes(p.id));
    steps = [{ id: steps.length + 1, what, when: Date.now() }, ...steps];
    undos.unshift(() => {
      [tags, pictures] = [tagsWere, picturesWere];
      tell({
        tags,
        pictures,
        gone: (change.pictures ?? []).map((p) => p.id).filter((id) => !pictures.some((p) => p.id === id)),
      });
    });
    tell({ ...change, steps });
  };
  const withNames = (newNames: string[]) => {
    const fresh = newNames.map((name) => ({
      id: `user:${name}`,
      name,
      synonyms: [],
      pictures: 1,
      taught: 1,
      original: null,
      changed: true,
    }));
    const long = newNames.find((name) => [...name].length > 100);
    if (long) throw new Error(`That name has ${[...long].length} characters. A tag's name has 1 to 100.`);
    return fresh;
  };
  const label = (ids: string[]) => ids.map((id) => tags.find((t) => t.id === id)?.name ?? id).join(", ");
  return {
    async open(listen): Promise<Snapshot> {
      tell = listen;
      await wait(60);
      if (slow) await new Promise(() => {});
      if (fail) throw new Error("The app is open in another tab. Close it there, then try again.");
      return {
        bundle: { name: "Tiny ImageNet", digest: "0".repeat(64), variant: "int8", size: 224, tags: 200 },
        tags,
        pictures,
        steps,
        threshold,
        embeddedAnew: 0,
      };
    },
    async take(chosen) {
      waiting.push(...chosen);
    },
    async add() {
      const chosen = waiting.splice(0);
      const latest = Date.now();
      cancelled = false;
      const result = {
        added: [] as string[],
        again: [] as string[],
        refused: [] as { name: string; why: string }[],
        cancelled: false,
      };
      const made: PictureView[] = [];
      for (const [i, file] of chosen.entries()) {
        if (cancelled) break;
        tell({ progress: { what: "Looking at your pictures", done: i, total: chosen.length } });
        await wait(chosen.length > 100 ? 4 : 60);
        if (!file.type.startsWith("image/"))
          result.refused.push({
            name: file.name,
            why: "This is not a picture that the app can read: JPEG, PNG, WebP, GIF, BMP.",
          });
        else {
          const p = { ...make(file.name, file, 640, 480), added: latest + chosen.length - i };
          made.push(p);
          result.added.push(p.id);
          tell({ pictures: [p] });
          pictures = [p, ...pictures];
        }
      }
      tell({ progress: null });
      return { ...result, cancelled };
    },
    cancel() {
      cancelled = true;
    },
    crop: blob,
    preview: blob,
    async confirm(id, own, newNames) {
      const fresh = withNames(newNames);
      await wait(120);
      const picture = pictures.find((p) => p.id === id);
      if (picture)
        step(`Learned ${label(own)}${newNames.join(", ")} from ${picture.name}`, {
          tags: [...tags, ...fresh],
          pictures: [{ ...picture, tags: [...own, ...fresh.map((t) => t.id)] }],
        });
    },
    async teach(ids, own, newNames) {
      const fresh = withNames(newNames);
      step(`Learned ${[label(own), ...newNames].join(", ")} from ${ids.length} pictures`, {
        tags: [...tags, ...fresh],
        pictures: pictures
          .filter((p) => ids.includes(p.id))
          .map((p) => ({ ...p, tags: [...new Set([...p.tags, ...own, ...fresh.map((t) => t.id)])] })),
      });
    },
    async remove(ids) {
      step(`Removed ${ids.length} pictures`, { gone: ids });
    },
    async addTag(name) {
      const fresh = withNames([name]);
      step(`Added ${name}`, { tags: [...tags, ...fresh] });
      return `user:${name}`;
    },
    async renameTag(id, name) {
      step(`Renamed to ${name}`, { tags: tags.map((t) => (t.id === id ? { ...t, name, changed: true } : t)) });
    },
    async mergeTags(id, into) {
      step(`Merged ${label([id])} into ${label([into])}`, { tags: tags.filter((t) => t.id !== id) });
    },
    async removeTag(id) {
      step(`Deleted ${label([id])}`, { tags: tags.filter((t) => t.id !== id) });
    },
    async resetTag(id) {
      step(`Reset ${label([id])}`, {
        tags: tags.map((t) => (t.id === id ? { ...t, name: t.original ?? t.name, changed: false, taught: 0 } : t)),
      });
    },
    async resetAll() {
      step("Reset everything", { pictures: pictures.map((p) => ({ ...p, tags: [] })) });
    },
    async undo() {
      const [last, ...rest] = steps;
      if (!last) throw new Error("There is nothing to undo.");
      steps = rest;
      undos.shift()?.();
      tell({ steps });
      return last;
    },
    async setThreshold(value) {
      threshold = { ...threshold, value: value ?? threshold.standard };
      await wait(30);
      const most = 1 + Math.round(threshold.value * 6);
      tell({ threshold, pictures: pictures.map((p) => ({ ...p, suggested: p.suggested.slice(0, most) })) });
    },
    async exportLessons() {
      return new Blob(["made up"]);
    },
    async importLessons() {
      throw new Error("This file holds no lessons. Choose a .zip that this app exported.");
    },
    async exportTags() {
      return new Blob(["made up"]);
    },
    async storage() {
      return { persisted: false, used: 48_200_000, quota: 61_000_000_000 };
    },
  };
}
