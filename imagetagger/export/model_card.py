"""MODEL_CARD.md: what a bundle is for, how good it is, and what it was made from."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from imagetagger.bundle.manifest import Manifest
from imagetagger.export.parity import Parity
from imagetagger.prediction.decision import NoveltyRule, PredictionSetRule
from imagetagger.system.printable import printable_text
from imagetagger.training.description import describe_blocks, describe_recipe


def model_card(
    manifest: Manifest,
    parity: Parity | None = None,
    train: int | None = None,
    warnings: Sequence[str] = (),
    terms: int = 0,
) -> str:
    """Write the model card of a bundle, after Mitchell et al. 2019 (arXiv 1810.03993).

    Args:
        manifest: of the bundle, sealed or not.
        parity: of its variant with float32.
        train: pictures that the bundle was fitted on; None for those of the evaluated model.
        warnings: of the run that made it.
        terms: number of broader terms, which come from WordNet.
    """
    data, backbone = manifest.provenance["data"], manifest.provenance["backbone"]
    weights, model, size = backbone["weights"], manifest.model, manifest.image.size
    licence = weights["licence"] or "that of the weights file, which this bundle does not know"
    coverage = manifest.metrics.get(model.variant, {}).get("coverage")
    evaluated = (
        f"They hold it for {_percent(coverage)} of the evaluation pictures"
        if coverage is not None
        else "Their coverage was not measured, as there were no evaluation pictures"
    )
    variants = [model.variant, *(name for name in manifest.metrics if name != model.variant)]
    rows = "\n".join(_row(name, manifest.metrics[name]) for name in variants if name in manifest.metrics)
    return f"""# {_escape(manifest.name)}

An image tagger of {data["tags"]} tags that learns its user's own on the device, with the **{model.variant}** model.

- **Use**: suggest tags for photographs, to be confirmed or corrected by a person. Tags that a user teaches stay on the
  device: nothing is sent anywhere.
- **Not for**: decisions about people, or pictures of other kinds than it was evaluated on, without evaluating it on
  those.
- **Network**: {_escape(backbone["name"])}, width {backbone["width"]}, {size} x {size} pixels.
- **Weights**: {_escape(weights["name"])}, SHA-256 {weights["sha256"] or "none"}; licence: {_escape(licence)}.
{_training(manifest)}- **Classifier**: one Gaussian per tag on {model.features} features; probabilities at temperature
  {manifest.decision.calibration.temperature:.4g}.
- **Data**: {_escape(data["name"])}, fingerprint {data["fingerprint"][:16]}. {_data(manifest, train)}.
- **Tag sets**: {_tag_sets(manifest.decision.prediction_set)}. {evaluated}.
- **Unknown pictures**: {_novelty(manifest.decision.novelty)}.
{_terms(terms)}
{_warnings(warnings)}## Metrics, on pictures that the evaluated model was neither fitted nor calibrated on

| variant | fitted on | top-1 | top-5 | log loss | calibration error | coverage | tags in a set | cosine to float32 |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}
{_parity(model.variant, parity)}
## Limits

It knows the kinds of pictures it was fitted on, and looks at the centre square of a picture. Whatever a picture shows,
its tags share all of the probability. Coverage holds for pictures like those it was calibrated on:
its training pictures, each scored by a model that had not seen it. {_privacy(manifest)}

Made with imagetagger {manifest.provenance["versions"]["imagetagger"]}.
"""


def _escape(text: str) -> str:
    """Text as Markdown shows it: names come from folders and files."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", printable_text(text))


def _training(manifest: Manifest) -> str:
    """How the network was fine-tuned, or why it was not; empty where that was not tried."""
    training = manifest.provenance.get("training")
    if training is None:
        return ""
    gate, recipe = training["gate"], training["recipe"]
    if not training["epochs"]:
        if gate is None:
            return ""
        tuned = "" if gate["top1_tuned"] is None else f"{_percent(gate['top1_tuned'])} tuned and "
        return f"""- **Fine-tuning**: none. On {gate["pictures"]:,} pictures not seen before, top-1 was
  {tuned}{_percent(gate["top1_frozen"])} frozen, so the network is as it was.
"""
    parent, weights = training["parent_sha256"] or "unknown", training["weights_sha256"] or "unknown"
    blocks = _escape(describe_blocks(recipe.get("blocks")))
    return f"""- **Fine-tuning**: {blocks} and the head of the network were trained on
  {training["pictures"]:,} of the training pictures, from weights with SHA-256 {parent};
  those after epoch {training["best_epoch"]} of {training["epochs"]} were kept, SHA-256 {weights}.
  {_escape(describe_recipe(recipe))}. {_evaluated_apart(manifest)}{_frozen(training)}
"""


def _evaluated_apart(manifest: Manifest) -> str:
    if manifest.provenance["config"]["evaluate"]["split"] == "out_of_fold":
        return ""
    return "The metrics below are of pictures that the\n  network was not trained on. "


def _frozen(training: Mapping[str, Any]) -> str:
    frozen = training["frozen"]
    if not frozen or frozen["top1"] is None:
        return ""
    return f"""The evaluated model
  has a top-1 of {_percent(training["top1"])}, one on features of the frozen network {_percent(frozen["top1"])}:
  of {frozen["pictures"]:,} pictures, only the former classifies {frozen["won"]:,} correctly,
  only the latter {frozen["lost"]:,} (McNemar p = {frozen["p_value"]:.2g})."""


def _data(manifest: Manifest, train: int | None) -> str:
    data, config = manifest.provenance["data"], manifest.provenance["config"]
    if config["classifier"]["source"] == "head":
        return f"""The tags are those of the
  network's own classifier. {data["train"]:,} photographs set its scale, its probabilities and its tag sets. It was
  evaluated on the same ones out of fold, on each part by what was set on the others. Such photographs may have been
  among those that the weights were trained on, so expect less on others"""
    evaluated = f"evaluated on {data['validation']:,} others"
    if config["evaluate"]["split"] == "out_of_fold":
        evaluated = "evaluated on the same ones out of fold, each by a model that was fitted without it"
    return f"""The evaluated model was fitted on {data["train"]:,}
  pictures and {evaluated}; {_fitted(train or data["train"], data["train"])}"""


def _terms(terms: int) -> str:
    if not terms:
        return ""
    return f"""- **Words**: {terms:,} broader terms, from WordNet 3.0, (c) 2006 by Princeton University; its licence
  (https://wordnet.princeton.edu/license-and-commercial-use) permits any use that keeps this notice.
"""


def _privacy(manifest: Manifest) -> str:
    if manifest.provenance["config"]["classifier"]["source"] == "head":
        return "It holds no\nembedding of any picture."
    return "The statistics of a\ntag fitted on a single picture are that picture's embedding."


def _fitted(train: int, evaluated: int) -> str:
    if train <= evaluated:
        return "the bundle holds that model"
    return f"the bundle holds a model fitted in the same way on all {train:,}"


def _warnings(warnings: Sequence[str]) -> str:
    lines = "\n".join(f"- {_escape(warning)}" for warning in warnings)
    return f"## Warnings\n\n{lines}\n\n" if warnings else ""


def _parity(variant: str, parity: Parity | None) -> str:
    if parity is None or variant == "float32":
        return ""
    return f"""
Compared with float32, both fitted on the same {parity.train:,} pictures: of {parity.pictures:,} evaluation pictures,
float32 alone classifies {parity.lost} correctly, {variant} alone {parity.won} (McNemar p = {parity.p_value:.2g}).
"""


def _tag_sets(rule: PredictionSetRule) -> str:
    if rule.coverage is not None:
        kind = {"lac": "as few tags as hold", "aps": "the most probable tags that together hold"}[rule.rule]
        share = f"{100 * rule.coverage:g} % of the time"
        return f"{kind} the right one {share}, set on pictures that the model had not seen (conformal)"
    if rule.rule == "top_k":
        return f"the {rule.threshold:g} most probable tags"
    return f"the most probable tags until their probabilities sum to {rule.threshold:g}"


def _novelty(rule: NoveltyRule | None) -> str:
    if rule is None:
        return "not detected, as the classifier has no background"
    return f"those more novel than {100 - 100 * rule.fpr:g} % of known pictures are expected to be"


def _row(name: str, metrics: Mapping[str, Any]) -> str:
    shares = [_percent(metrics[key]) for key in ("top1", "top5", "coverage")]
    digits = {"log_loss": 2, "ece": 3, "set_size": 1, "cosine_to_float": 4}
    numbers = [_number(metrics[key], n) for key, n in digits.items()]
    cells = [name, f"{metrics['train']:,}", *shares[:2], *numbers[:2], shares[2], *numbers[2:]]
    return f"| {' | '.join(cells)} |"


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return "\u2013" if value is None else f"{value:.{digits}f}"
