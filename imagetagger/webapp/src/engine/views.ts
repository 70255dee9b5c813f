/** What the page is told: tags, pictures, steps and the threshold, in its own terms. */

import type { BundleView, PictureId, PictureView, StepView, TagView, ThresholdView } from "../api";
import { type Judgement, judge } from "../decide/judge";
import { ranked } from "../decide/tagset";
import { resolve } from "../lessons/lessons";
import type { Session } from "./session";

/** Returns all tags, those of the bundle first. */
export function tagViews({ bundle, vocabulary, rows, lessons }: Session): TagView[] {
  const original = new Map(bundle.labels.map(({ id, name }) => [id, name]));
  const mergedInto = new Set([...lessons.edits.merged.keys()].map((id) => resolve(id, lessons.edits)));
  return [...vocabulary.values()].map(({ id, name, synonyms }) => {
    const row = rows.byTag.get(id);
    const taught = row?.pictures.length ?? 0;
    const own = original.get(id) ?? null;
    const changed = taught > 0 || (own !== null && name !== own) || mergedInto.has(id);
    return { id, name, synonyms, pictures: Math.round(row?.total.count[0] ?? 0), taught, original: own, changed };
  });
}

/** Returns the ids of pictures that are not hidden, the newest first. */
export function shown({ pictures, kept }: Session): PictureId[] {
  const visible = [...pictures.values()].filter(({ id }) => !kept.hidden.has(id));
  return visible.sort((a, b) => b.added - a.added).map(({ id }) => id);
}

/** Returns what is said of a picture; undefined for one that is hidden or not there. */
export function pictureView(session: Session, id: PictureId): PictureView | undefined {
  const picture = session.pictures.get(id);
  if (!picture || session.kept.hidden.has(id)) return undefined;
  const taught = session.lessons.pictures.get(id)?.tags ?? [];
  const tags = [...new Set(taught.map((tag) => resolve(tag, session.lessons.edits)))].filter((tag) =>
    session.vocabulary.has(tag),
  );
  const { name, added, width, height } = picture;
  const found = session.scores.get(id);
  const judged = found?.of === session.rows && judgement(session, found.values);
  return {
    id,
    name,
    added,
    width,
    height,
    confirmed: tags.length > 0 || session.kept.dismissed.has(id),
    tags,
    ...(judged ? said(session, judged) : { suggested: [], unknown: false }),
  };
}

/** Judges scores under the rows in use, with the threshold of the user, or the bundle's where `standard`. */
export function judgement(session: Session, scores: Float32Array, standard = false): Judgement {
  const { bundle, counts, coverage, settings } = session;
  return judge(scores, counts, bundle.manifest, (standard ? null : settings.threshold) ?? coverage);
}

/** Returns a time that no picture was added later than: now, where clocks go forward. */
export function latestTime({ pictures }: Session): number {
  return [...pictures.values()].reduce((latest, { added }) => Math.max(latest, added), Date.now());
}

function said({ rows }: Session, { probability, member, unknown }: Judgement) {
  const ids = [...rows.byTag.keys()];
  const chosen = ranked(probability).filter((i) => member[i]);
  return { suggested: chosen.map((i) => ({ tag: ids[i] as string, probability: probability[i] as number })), unknown };
}

export function stepViews({ steps }: Session): StepView[] {
  return steps.map(({ id, what, when }) => ({ id, what, when }));
}

export function bundleView({ bundle: { manifest, labels } }: Session): BundleView {
  const { name, digest, model, image } = manifest;
  return { name, digest, variant: model.variant, size: image.size, tags: labels.length };
}

/** Returns the threshold, and what it can be: levels of coverage, a sum of probabilities, or a number of tags. */
export function thresholdView({ bundle, settings }: Session): ThresholdView {
  const { rule, coverage, threshold } = bundle.manifest.decision.tag_set;
  const standard = coverage ?? threshold;
  const range =
    rule === "top_k" ? { min: 1, max: Math.max(20, standard), step: 1 } : { min: 0.5, max: 0.995, step: 0.005 };
  return { rule, standard, value: settings.threshold ?? standard, ...range };
}
