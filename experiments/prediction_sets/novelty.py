"""How well scores separate pictures of tags that nothing was fitted on from those of known tags.

Without reference statistics of the network: those are made from all tags of Tiny ImageNet, the left-out ones too.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from experiments.common.embeddings import EmbeddedPictures
from experiments.common.tables import Row
from imagetagger.classifier.fit import FittedClassifier, Scores, fit_classifier, score_embeddings
from imagetagger.config.schema import ClassifierConfig
from imagetagger.data.dataset import multi_hot
from imagetagger.prediction.calibration import fit_calibration, log_probabilities
from imagetagger.prediction.novelty import novelty_threshold
from imagetagger.prediction.predict import score_novelty

DRAWS, NEW_TAGS = 5, 50
FPR = 0.05
"""Share of known pictures that may be called unknown."""

SCORES = ("above the background", "first probability", "entropy", "nearest tag")
ALARMS = ("called unknown, known", "called unknown, new")


def novelty_of_new_tags(embedded: EmbeddedPictures, config: ClassifierConfig) -> list[dict[str, float]]:
    """AUROC of each score, and the shares called unknown, for several draws of new tags."""
    return [_one_draw(embedded, config, seed) for seed in range(DRAWS)]


def _one_draw(embedded: EmbeddedPictures, config: ClassifierConfig, seed: int) -> dict[str, float]:
    is_new = np.zeros(embedded.tags, bool)
    is_new[np.random.default_rng(seed).permutation(len(is_new))[:NEW_TAGS]] = True
    known_tags = int((~is_new).sum())
    labels = np.where(is_new[embedded.y], -1, (np.cumsum(~is_new) - 1)[embedded.y])
    classifier = fit_classifier(embedded.x, labels[:, None], embedded.is_holdout, known_tags, config)
    is_novel = is_new[embedded.y_validation]
    holdout_rows = embedded.is_holdout & (labels >= 0)
    holdout, validation = (score_embeddings(classifier, x) for x in (embedded.x[holdout_rows], embedded.x_validation))
    calibration = fit_calibration(holdout.log_joint, multi_hot(labels[holdout_rows, None], known_tags))
    log_p = log_probabilities(validation.log_joint, calibration)
    holdout_novelty, novelty = (_novelty(classifier, scores) for scores in (holdout, validation))
    scores = (novelty, -log_p.max(1), -(np.exp(log_p) * log_p).sum(1), -validation.log_joint.max(1))
    threshold = novelty_threshold(holdout_novelty, FPR)
    is_alarm = novelty > (np.inf if threshold is None else threshold)
    return {
        **{name: float(roc_auc_score(is_novel, score)) for name, score in zip(SCORES, scores, strict=True)},
        **{name: float(is_alarm[rows].mean()) for name, rows in zip(ALARMS, (~is_novel, is_novel), strict=True)},
    }


def _novelty(classifier: FittedClassifier, scores: Scores) -> np.ndarray:
    if scores.background is None:
        raise ValueError("got a classifier without a prior on the means, expected one: novelty needs a background")
    return score_novelty(scores.log_joint, scores.background, classifier.log_prior)


def novelty_table(rows: Sequence[Row]) -> str:
    """Lay out mean and range over the draws as a Markdown table, one line per variant."""
    names = (*SCORES, *ALARMS)
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        columns = [[row[name] for row in rows if row["variant"] == variant] for name in names]
        cells = [f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" for values in columns]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)
