"""What a run warns its user of: classifiers that learn badly, calibration that cannot be trusted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.head import Knowledge
from imagetagger.config.schema import CalibrateConfig, ClassifierConfig, Experiment
from imagetagger.data.dataset import Dataset
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.prediction.calibration import all_correct
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD
from imagetagger.prediction.decision import Decision
from imagetagger.training.finished import count_seen

MIN_KAPPA_FOR_LEARNING = 1.0
"""Least prior strength with which a tag is known from its first picture on: alone, that has hardly any variance."""

MIN_SAMPLES_PER_FEATURE = 0.25
"""Below, whitening fits chance: tags taught later then draw other tags' pictures."""

MAX_PLAUSIBLE_TEMPERATURE = 1e4
"""Sound scores have temperatures in the tens; far above, variances were estimated from too little."""

MAX_NEAR_TWINS = 0.1
"""Share of evaluated pictures with a near twin in training, above which the figures may be too good."""


def find_problems(
    s: Experiment,
    evaluation: Evaluation,
    crossed: CrossFit,
    decision: Decision,
    reference: Knowledge,
    *,
    near_twins: float | None = None,
    has_test: bool = False,
) -> list[str]:
    """Return the warnings of a run, for console, report and model card.

    Args:
        s: settings of the run.
        evaluation: that leads.
        crossed: out-of-fold scores that the decision was fitted on.
        decision: of the classifier that the run ends with.
        reference: of the network; None without one.
        near_twins: share of the evaluated pictures with a near twin among the training pictures.
        has_test: whether the user's own test pictures were evaluated.
    """
    problems = [*calibration_problems(decision, crossed, s.calibrate)]
    if not len(evaluation.data.labels_onehot):
        measured = "was measured on your test pictures only" if has_test else "was not measured"
        problems.append(f"No validation pictures: how good the tagger is {measured}")
    elif near_twins is not None and near_twins > MAX_NEAR_TWINS:
        problems.append(
            f"{100 * near_twins:.0f} % of the evaluated pictures have a near twin among the training pictures: the "
            "metrics may be too good for other pictures; see data.group_by"
        )
    if s.export.bundle_variant:
        problems += learning_problems(s.classifier, evaluation, reference)
    return problems


def trained_before(backbone: Backbone, dataset: Dataset) -> list[str]:
    """Return a warning if the network was fine-tuned on some of the pictures: their metrics are too good."""
    ids = [key for split in (dataset.train, dataset.validation) for key in split.ids]
    named, seen = count_seen(Path(backbone.weights), ids) if backbone.weights_sha256 else (0, 0)
    if not seen:
        return []
    return [
        f"{Path(backbone.weights).name} was fine-tuned on pictures of this data set, on {seen} of the {named} that it "
        "names: metrics and tag sets are too good for other pictures. Expected other pictures, or the run that made it"
    ]


def learning_problems(classifier: ClassifierConfig, evaluation: Evaluation, reference: Knowledge) -> Iterator[str]:
    """Yield why the tagger of a bundle will learn badly."""
    if classifier.variance_prior_strength < MIN_KAPPA_FOR_LEARNING:
        yield (
            f"classifier.variance_prior_strength={classifier.variance_prior_strength:g}: the tagger will hardly learn "
            "from few pictures; classifier=whitened would"
        )
    features = evaluation.data.embeddings.shape[1]
    is_whitened = classifier.transform == "whitened" and reference is None
    if is_whitened and evaluation.train < MIN_SAMPLES_PER_FEATURE * features:
        yield (
            f"{evaluation.train} pictures are few to whiten {features} features with, and there are no reference "
            "statistics to use: a tag taught later may draw pictures of others; use more, or "
            "classifier=smoothed_gnb, or the published weights"
        )


def calibration_problems(decision: Decision, crossed: CrossFit, calibrate: CalibrateConfig) -> Iterator[str]:
    """Yield why probabilities or prediction sets are unsound: too few pictures, or none, to calibrate on."""
    pictures, rule = len(crossed.rows), decision.prediction_set
    if not pictures:
        known = "are those of the reference" if crossed.strength is not None else "are raw, and far too confident"
        yield f"No tag has pictures in two groups, so there are none to calibrate on: probabilities {known}"
    elif crossed.strength is None and all_correct(crossed.scores.log_joint, crossed.labels_onehot):
        yield (
            f"All {pictures} calibration pictures were classified correctly, so the temperature cannot be estimated; "
            "using a conservative value. Add pictures."
        )
    if decision.calibration.temperature > MAX_PLAUSIBLE_TEMPERATURE:
        yield (
            f"temperature {decision.calibration.temperature:.3g}: the variances are poorly estimated; use more "
            "pictures, or raise classifier.variance_prior_strength"
        )
    if pictures and rule.rule != calibrate.prediction_set:
        least = np.ceil(calibrate.coverage / max(1 - calibrate.coverage, 1e-9) - 1e-6)
        yield (
            f"{pictures} calibration pictures are too few to guarantee a coverage of {calibrate.coverage:g}, which "
            f"takes {least:.0f} (above {COVERAGE_LEVELS[-1]:g} none can be guaranteed): tag sets are cumulative. Add "
            "pictures, or ask for less"
        )
    elif rule.thresholds and rule.threshold >= INFINITE_THRESHOLD:
        yield (
            f"{pictures} calibration pictures are too few for a coverage of {calibrate.coverage:g} with "
            f"calibrate.confidence={calibrate.confidence:g}: tag sets hold every tag. Add pictures, or ask for less"
        )
