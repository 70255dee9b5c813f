/** Tags, pictures, steps and the threshold as the page shows them. */

import type { BundleView, PictureId, PictureView, StepView, TagView, TermView, ThresholdView } from "../api";
import type { Bundle } from "../bundle/reader";
import type { StepPictures } from "../format/acts";
import { resolveMerged } from "../lessons/lessons";
import { type Prediction, predict } from "../prediction/predict";
import type { Session } from "./session";
import { suggestedTags } from "./shown_words";

/** Least probability of a tag that a search finds: of 600 photographs 98 % have their tag, 90 % in the set. */
const POSSIBLE = 0.002;

/** Returns all tags, those of the bundle first; then terms that stand for hidden tags. */
export function tagViews({ bundle, vocabulary, shownWords: { hidden }, rows, lessons }: Session): TagView[] {
  const original = new Map(bundle.labels.map(({ id, name }) => [id, name]));
  const mergedInto = new Set([...lessons.edits.merged.keys()].map((id) => resolveMerged(id, lessons.edits)));
  const standIns = new Set(hidden.values());
  const terms = [...standIns].flatMap((term) => (term && !vocabulary.has(term.id) ? term : []));
  const views = [...vocabulary.values()].map(({ id, name, synonyms, broader }) => {
    const row = rows.byTag.get(id);
    const taught = row?.pictures.length ?? 0;
    const bundleName = original.get(id) ?? null;
    const changed = taught > 0 || (bundleName !== null && name !== bundleName) || mergedInto.has(id);
    return {
      id,
      name,
      synonyms,
      broader,
      pictures: row?.base.some((i) => bundle.scoreOffset[i] !== 0) ? null : Math.round(row?.total.count[0] ?? 0),
      taught,
      original: bundleName,
      changed,
      hidden: hidden.has(id),
    };
  });
  const plain = { pictures: null, taught: 0, changed: false, hidden: false };
  return [
    ...views,
    ...terms.map(({ id, name, synonyms, broader }) => ({ id, name, synonyms, broader, original: name, ...plain })),
  ];
}

/** Returns the broader terms of the bundle. */
export function termViews({ bundle }: Session): TermView[] {
  return bundle.terms.map(({ id, name, synonyms, broader }) => ({ id, name, synonyms, broader }));
}

/** Returns the ids of visible pictures, the newest first. */
export function shown({ pictures, state }: Session): PictureId[] {
  const visible = [...pictures.values()].filter(({ id }) => !state.hidden.has(id));
  return visible.sort((a, b) => b.added - a.added).map(({ id }) => id);
}

/** Returns the view of a picture; undefined for a hidden or unknown one. */
export function pictureView(session: Session, id: PictureId): PictureView | undefined {
  const picture = session.pictures.get(id);
  if (!picture || session.state.hidden.has(id)) return undefined;
  const taught = session.lessons.pictures.get(id)?.tags ?? [];
  const tags = [...new Set(taught.map((tag) => resolveMerged(tag, session.lessons.edits)))].filter((tag) =>
    session.vocabulary.has(tag),
  );
  const { name, folder, added, taken, width, height } = picture;
  const scores = session.scores.get(id);
  const prediction = scores?.rows === session.rows && predictionOf(session, scores.values);
  return {
    id,
    name,
    folder,
    added,
    taken,
    width,
    height,
    confirmed: tags.length > 0 || session.state.dismissed.has(id),
    tags,
    rejected: session.state.rejected.get(id) ?? [],
    predicted: prediction !== false,
    ...(prediction ? suggestionsOf(session, prediction) : { suggested: [], possible: [], unknown: false }),
  };
}

/** Returns the prediction for scores under the rows in use, with the user's threshold, or the bundle's if `standard`. */
export function predictionOf(session: Session, scores: Float32Array, standard = false): Prediction {
  const { bundle, counts, offsets, coverage, settings } = session;
  return predict(scores, counts, offsets, bundle.manifest, (standard ? null : settings.threshold) ?? coverage);
}

/** Returns a time after which no picture was added: now, unless the clock was set back. */
export function latestTime({ pictures }: Session): number {
  return [...pictures.values()].reduce((latest, { added }) => Math.max(latest, added), Date.now());
}

function suggestionsOf({ rows, shownWords, counts }: Session, { probabilities, inSet, isNovel }: Prediction) {
  const tags = [...rows.byTag.keys()];
  const suggested = suggestedTags(shownWords, tags, probabilities, inSet, counts);
  const isInSet = new Set(suggested.map(({ tag }) => tag));
  const isPossible = Array.from(probabilities, (p) => p >= POSSIBLE);
  const possible = suggestedTags(shownWords, tags, probabilities, isPossible, counts).filter(
    ({ tag }) => !isInSet.has(tag),
  );
  return { suggested, possible, unknown: isNovel };
}

/** Returns pictures as a step names them. */
export function stepPictures({ pictures }: Session, ids: readonly PictureId[]): StepPictures {
  const [only] = ids;
  return { count: ids.length, name: (ids.length === 1 && only && pictures.get(only)?.name) || null };
}

export function stepViews({ steps }: Session): StepView[] {
  return steps.map(({ id, what, when }) => ({ id, what, when }));
}

export function bundleView({ bundle: { manifest, labels } }: Session): BundleView {
  const { name, digest, model, image, provenance } = manifest;
  const view = { name, digest, variant: model.variant, size: image.size, tags: labels.length };
  return { ...view, knowsDrawingsOnly: isOfDrawings(provenance) };
}

/** Whether a bundle is that of data=synthetic, as `+experiment=quickstart` makes it. */
function isOfDrawings(provenance: Bundle["manifest"]["provenance"] | undefined): boolean {
  const { config } = (provenance ?? {}) as { config?: { data?: { name?: unknown } } };
  return config?.data?.name === "synthetic";
}

/** Returns the threshold and its range: a coverage, a sum of probabilities, or a number of tags. */
export function thresholdView({ bundle, settings }: Session): ThresholdView {
  const { rule, coverage, threshold } = bundle.manifest.decision.prediction_set;
  const standard = coverage ?? threshold;
  const range =
    rule === "top_k" ? { min: 1, max: Math.max(20, standard), step: 1 } : { min: 0.5, max: 0.995, step: 0.005 };
  return { rule, standard, value: settings.threshold ?? standard, ...range };
}
