"""The classifier that goes into the bundle, fitted on every picture once the evaluation is done; and test pictures."""

from typing import NamedTuple

import numpy as np

from imagetagger.classifier.fit import FittedClassifier, score_embeddings
from imagetagger.classifier.head import Knowledge
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import Skip, multi_hot
from imagetagger.data.groups import near_twin_share, own_groups
from imagetagger.evaluation.evaluate import Evaluation, EvaluationData, evaluate_classifier, evaluate_uncalibrated
from imagetagger.evaluation.intervals import confidence_intervals
from imagetagger.experiment.evaluation_stages import fit_model
from imagetagger.experiment.split_stages import pool_embeddings, pool_splits
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import EmbeddedSplit, Pictures
from imagetagger.experiment.variant_stages import EvaluatedModel, embed_pictures
from imagetagger.export.variants import BundledClassifier
from imagetagger.prediction.decision import Decision


class UserTestEvaluation(NamedTuple):
    """An evaluation on the user's own test pictures, 95 % intervals of its metrics, and pictures that were skipped."""

    evaluation: Evaluation
    intervals: dict[str, tuple[float, float]]
    skipped: tuple[Skip, ...]


def fit_bundled(
    runner: StageRunner,
    s: Experiment,
    reference: StageResult[Knowledge],
    loaded: Pictures,
    leading: EvaluatedModel,
) -> BundledClassifier:
    """Fit the classifier of the bundle: on all pictures, unless the user set some aside or asked for a subset.

    Pictures that the run itself held out are merged back. It is fitted and calibrated by the procedure that was
    evaluated, on more pictures.
    """
    fitted, splits = leading.fitted, leading.splits
    is_subset = s.data.fraction is not None or s.data.per_class is not None
    has_held_out = not loaded.dataset.is_split and len(leading.embedded) == 2 and len(leading.embedded[1].value.x)
    if has_held_out and not is_subset:
        pooled = runner.run("pool", pool_embeddings, *leading.embedded, is_kept=False)
        splits = runner.run("split bundle", pool_splits, splits, folds=s.calibrate.folds, seed=s.seed)
        fitted = fit_model(runner, s, reference, splits, pooled, suffix=" bundle")
    crossed = fitted.cross_fit.value
    groups = len(np.unique(splits.value.groups[crossed.rows]))
    return BundledClassifier(fitted.classifier.value, fitted.decision.value, splits.value.train, crossed, groups)


def evaluate_test(
    runner: StageRunner,
    s: Experiment,
    loaded: StageResult[Pictures],
    leading: EvaluatedModel,
    bundled: BundledClassifier | None,
) -> UserTestEvaluation | None:
    """Evaluate the classifier that the run ends with on the user's own test pictures; None without any."""
    if loaded.value.dataset.test is None:
        return None
    embedded = embed_pictures(runner, s, "embed test", loaded, leading.model, "test", label="embedding test pictures")
    evaluation = leading.evaluation.value
    classifier = bundled.classifier if bundled else evaluation.classifier
    decision = bundled.decision if bundled else evaluation.decision
    train = bundled.train if bundled else evaluation.train
    tested = runner.time(
        "evaluate test",
        evaluate_pictures,
        classifier,
        decision,
        loaded.value,
        embedded.value,
        train,
        s.calibrate.coverage,
    )
    groups = own_groups(loaded.value.dataset.test)[embedded.value.embeddings.rows]
    intervals = confidence_intervals(tested.observed, groups, resamples=s.evaluate.bootstrap_resamples, seed=s.seed)
    return UserTestEvaluation(tested, intervals, embedded.value.embeddings.skipped)


def evaluate_pictures(
    classifier: FittedClassifier,
    decision: Decision,
    pictures: Pictures,
    embedded: EmbeddedSplit,
    train: int,
    coverage: float,
) -> Evaluation:
    """Evaluate a classifier on the test pictures of a data set."""
    dataset = pictures.dataset
    labels = dataset.test.labels[embedded.embeddings.rows]  # type: ignore[union-attr]  # they were embedded
    scores = score_embeddings(classifier, embedded.x)
    data = EvaluationData(embedded.x, scores, multi_hot(labels, len(dataset.tags)))
    return evaluate_classifier(
        classifier, decision, data, train, evaluate_uncalibrated(data, classifier.log_prior, coverage)
    )


def measure_near_twins(train: EmbeddedSplit, validation: EmbeddedSplit | None = None, *, name: str) -> float | None:
    """Share of the evaluated pictures of a folder with a near twin among the training pictures; None without any."""
    if name != "folder" or validation is None or not len(validation.x):
        return None
    return near_twin_share(validation.x, train.x)
