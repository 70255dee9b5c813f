"""From embeddings to classifiers and their metrics, by the stages of a run."""

from functools import partial

import numpy as np

from experiments.common.embeddings import EmbeddedPictures
from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.fit import FittedClassifier, Scores, fit_classifier
from imagetagger.classifier.head import Knowledge
from imagetagger.classifier.reference import Reference
from imagetagger.config.schema import CalibrateConfig, ClassifierConfig, Experiment
from imagetagger.data.dataset import multi_hot
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.experiment import evaluation_stages
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import DataSplits
from imagetagger.prediction.decision import Decision


def evaluate_run(
    settings: Experiment, fitted_on: EmbeddedPictures, used_with: EmbeddedPictures | None = None
) -> Evaluation:
    """Fit, calibrate and evaluate a classifier as a run does, on the training pictures that are not held out.

    Args:
        settings: of the run.
        fitted_on: the embeddings to fit and calibrate on.
        used_with: the embeddings of the same pictures to evaluate on, as of another variant; None for the same.
    """
    runner, splits, train = StageRunner(), fitted_on.splits, fitted_on.train
    validation = (used_with or fitted_on).validation
    known: Knowledge = choose_reference(fitted_on, settings.classifier)
    reference = StageResult(fitted_on.reference.key, known)
    fitted = evaluation_stages.fit_model(runner, settings, reference, splits, train, suffix="")
    return evaluation_stages.evaluate_embeddings(runner, settings, fitted, splits, train, validation, suffix="").value


def fit_run(embedded: EmbeddedPictures, classifier: ClassifierConfig) -> FittedClassifier:
    """Fit a classifier as a run does, on the training pictures that are not held out.

    Its prior is a posterior estimate if the settings ask for the network's reference statistics and there are some;
    cross-fitting then chooses their strength.
    """
    x, splits, reference = embedded.x, embedded.splits.value, choose_reference(embedded, classifier)
    fit = partial(fit_classifier, x, splits.labels, splits.is_holdout, splits.tags, classifier)
    if reference is None:
        return fit()
    crossed = evaluation_stages.cross_fit_splits(reference, splits, embedded.train.value, classifier=classifier)
    return fit(reference, crossed.strength or 0.0)


def choose_reference(embedded: EmbeddedPictures, classifier: ClassifierConfig) -> Reference | None:
    """Return the reference statistics of the network if the settings ask for them."""
    known = embedded.reference.value
    return known if classifier.reference == "auto" and isinstance(known, Reference) else None


def decide(scores: Scores, splits: DataSplits, calibrate: CalibrateConfig) -> Decision:
    """Fit the decision of a run to the scores of the held-out pictures, in place of out-of-fold scores."""
    rows = np.flatnonzero(splits.is_holdout)
    held_out = CrossFit(rows, scores, None, multi_hot(splits.labels[rows], splits.tags), None)
    calibration = evaluation_stages.calibrate(None, held_out, calibration_bins=calibrate.calibration_bins)
    return evaluation_stages.decide(held_out, splits, calibration, calibrate=calibrate)


def measure(log_p: np.ndarray, tags: np.ndarray, in_set: np.ndarray | None = None) -> dict[str, float]:
    """Metrics of predictions; see imagetagger.evaluation.metrics.

    Args:
        log_p: (N, C) log probabilities.
        tags: int (N,), the right ones.
        in_set: bool (N, C), prediction sets; None for sets of all tags.
    """
    sets = np.ones(log_p.shape, bool) if in_set is None else in_set
    observed = observe_predictions(log_p, sets, multi_hot(tags[:, None], log_p.shape[1]))
    return compute_metrics(total_metrics(observed))
