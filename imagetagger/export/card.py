"""MODEL_CARD.md: what a bundle is for, how good it is, and what it was made from."""

from collections.abc import Mapping
from typing import Any

from imagetagger.bundle.manifest import Manifest
from imagetagger.decide import TagSet, Unknown


def model_card(manifest: Manifest, result: Mapping[str, Any]) -> str:
    """Return the model card of a bundle, after Mitchell et al. 2019 (arXiv 1810.03993).

    Args:
        manifest: of the bundle, sealed or not.
        result: the contents of result.json.
    """
    data, backbone = manifest.provenance["data"], manifest.provenance["backbone"]
    weights, model, size = backbone["weights"], manifest.model, manifest.image.size
    licence = weights["licence"] or "that of the weights file, which this bundle does not know"
    coverage = manifest.metrics.get(model.variant, {}).get("coverage")
    inside = (
        f"was inside for {_percent(coverage)} of the" if coverage is not None else "was sought in none, for want of"
    )
    rows = "\n".join(_row(name, figures) for name, figures in manifest.metrics.items())
    return f"""# {manifest.name}

An image tagger of {data["tags"]} tags that learns its user's own on the device, with the **{model.variant}** model.

- **Use**: suggest tags for photographs, to be confirmed or corrected by a person. Tags taught by a user stay with that
  user: nothing is sent anywhere.
- **Not for**: decisions about people, or pictures of other kinds than it was tried on, without trying it on those.
- **Network**: {backbone["name"]}, width {backbone["width"]}, {size} x {size} pixels.
- **Weights**: {weights["name"]}, SHA-256 {weights["sha256"] or "none"}; licence: {licence}.
- **Classifier**: one Gaussian a tag on {model.features} features; probabilities at temperature
  {manifest.decision.calibration.temperature:.4g}.
- **Data**: {data["name"]}, fingerprint {data["fingerprint"][:16]}: {data["train"]:,} pictures to fit,
  {data["calibration"]:,} to calibrate, {data["validation"]:,} to evaluate.
- **Tag sets**: {_tag_sets(manifest.decision.tag_set)}. The right tag {inside} pictures kept aside.
- **Unknown**: {_unknown(manifest.decision.unknown)}.

## Figures, on pictures it was neither fitted nor calibrated on

| variant | top-1 | top-5 | log loss | calibration error | coverage | tags in a set | cosine to float32 |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}

## Limits

It knows the pictures it was fitted on, and looks at the centre square of a picture. Whatever a picture shows, it
suggests something: probabilities are shared out among its tags. What is promised holds for pictures like those it was
calibrated on. The statistics of a tag fitted on a single picture are that picture's embedding.

Made with imagetagger {result["versions"]["imagetagger"]}.
"""


def _tag_sets(tag_set: TagSet) -> str:
    if tag_set.coverage is not None:
        kind = {"lac": "as few tags as hold", "aps": "the most probable tags that together hold"}[tag_set.rule]
        return f"{kind} the right one {100 * tag_set.coverage:g} % of the time, set on pictures kept aside (conformal)"
    if tag_set.rule == "top_k":
        return f"the {tag_set.threshold:g} most probable tags"
    return f"the most probable tags until their probabilities sum to {tag_set.threshold:g}"


def _unknown(limit: Unknown | None) -> str:
    if limit is None:
        return "not told: the classifier has no background"
    return f"a picture whose best tag fits worse than that of {100 - 100 * limit.rate:g} % of known pictures"


def _row(name: str, figures: Mapping[str, Any]) -> str:
    shares = [_percent(figures[key]) for key in ("top1", "top5", "coverage")]
    digits = {"log_loss": 2, "ece": 3, "set_size": 1, "cosine_to_float": 4}
    numbers = [_number(figures[key], n) for key, n in digits.items()]
    return f"| {' | '.join([name, *shares[:2], *numbers[:2], shares[2], *numbers[2:]])} |"


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return "\u2013" if value is None else f"{value:.{digits}f}"
