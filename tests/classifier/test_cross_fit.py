import numpy as np
import pytest

from imagetagger.classifier import cross_fit as module
from imagetagger.classifier.cross_fit import CrossFit, choose_strength, cross_fit, log_losses, subset_scores
from imagetagger.classifier.fit import Scores, fit_classifier, score_embeddings
from imagetagger.classifier.posterior import STRENGTHS
from imagetagger.prediction.calibration import fit_temperature, log_softmax
from imagetagger.prediction.predict import score_novelty
from tests.helpers.composed import settings
from tests.helpers.gaussian_world import drawn, world_reference

TAGS, PER_TAG = 4, 10
GNB, WHITENED = (settings(f"classifier={name}").classifier for name in ("gnb", "whitened"))
FOLDS = np.tile(np.arange(5), TAGS * PER_TAG // 5)


def made(**changes):
    """Embeddings, labels (N, 1) and folds of 4 tags."""
    x, labels = drawn(TAGS, PER_TAG)
    return {"embeddings": x, "labels": labels[:, None], "folds": FOLDS} | changes


def crossed(classifier=WHITENED, reference=None, **changes):
    return cross_fit(**made(**changes), tags=TAGS, classifier=classifier, reference=reference)


@pytest.fixture
def one_strength(monkeypatch):
    """Strengths are chosen by all pictures; with a single one to choose from, each score stands alone."""
    monkeypatch.setattr(module, "STRENGTHS", (STRENGTHS[1],))


def assert_near(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("reference", [None, world_reference()], ids=["no reference", "reference"])
def test_scores_of_a_fold_depend_on_no_picture_of_the_fold_but_the_scored_one(reference, one_strength):
    in_fold = np.flatnonzero(FOLDS == 2)
    plain = crossed(reference=reference)
    x, labels = made()["embeddings"].copy(), made()["labels"].copy()
    x[in_fold[1:]] += 30
    labels[in_fold] = labels[in_fold][::-1]
    changed = crossed(reference=reference, embeddings=x, labels=labels)
    first = in_fold[0]
    assert plain.rows[first] == changed.rows[first] == first
    assert_near(changed.scores.log_joint[first], plain.scores.log_joint[first])
    assert_near(changed.novelty[first], plain.novelty[first])
    others = np.flatnonzero(FOLDS != 2)
    assert np.abs(changed.scores.log_joint[others] - plain.scores.log_joint[others]).max() > 1


def test_without_a_reference_each_fold_is_scored_by_a_classifier_of_the_others():
    for classifier in (GNB, WHITENED):
        got, given = crossed(classifier), made()
        np.testing.assert_array_equal(got.rows, np.arange(TAGS * PER_TAG))
        assert got.strength is None
        for fold in range(5):
            in_fold = fold == FOLDS
            fitted = fit_classifier(given["embeddings"], given["labels"], in_fold, TAGS, classifier)
            scores = score_embeddings(fitted, given["embeddings"][in_fold])
            assert_near(got.scores.log_joint[in_fold], scores.log_joint)
            if scores.background is None:
                assert got.novelty is got.scores.background is None
            else:
                assert_near(got.novelty[in_fold], score_novelty(*scores, fitted.log_prior))


def test_with_a_reference_each_fold_is_scored_by_a_posterior_of_the_others():
    got, given = crossed(reference=world_reference()), made()
    assert got.strength in STRENGTHS
    for fold in range(5):
        in_fold = fold == FOLDS
        fitted = fit_classifier(
            given["embeddings"], given["labels"], in_fold, TAGS, WHITENED, world_reference(), got.strength
        )
        scores = score_embeddings(fitted, given["embeddings"][in_fold]).log_joint
        np.testing.assert_array_equal(got.scores.log_joint[in_fold].argmax(1), scores.argmax(1))
        np.testing.assert_allclose(  # a matrix in float16 apart
            got.scores.log_joint[in_fold] - got.scores.log_joint[in_fold].max(1, keepdims=True),
            scores - scores.max(1, keepdims=True),
            rtol=0.05,
            atol=1,
        )


def test_copies_of_a_picture_give_it_away_unless_they_share_a_fold():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(60, 64)).astype(np.float32), 2, 0)
    x += 0.01 * rng.normal(size=x.shape).astype(np.float32)
    labels = np.repeat(rng.integers(0, 2, 60), 2)[:, None].astype(np.int32)  # by chance: nothing can be learned
    accuracy = {}
    for name, folds in (("shared", np.arange(120) // 2 % 5), ("apart", np.arange(120) % 5)):
        got = cross_fit(x, labels, folds, 2, WHITENED)
        accuracy[name] = (got.scores.log_joint.argmax(1) == labels[:, 0]).mean()
    assert accuracy["apart"] > 0.95
    assert accuracy["shared"] < 0.7


def test_a_tag_with_one_picture_is_left_out_and_scored_for_the_other_folds():
    lone = TAGS - 1
    labels = made()["labels"].copy()
    of_lone = np.flatnonzero(labels[:, 0] == lone)
    labels[of_lone[1:]] = 0
    for reference in (None, world_reference()):
        got = crossed(reference=reference, labels=labels)
        assert of_lone[0] not in got.rows
        assert len(got.rows) == TAGS * PER_TAG - 1
        same_fold = FOLDS[got.rows] == FOLDS[of_lone[0]]
        np.testing.assert_array_equal(np.isneginf(got.scores.log_joint[:, lone]), same_fold)
        assert np.isfinite(got.novelty).all()
        assert not got.labels_onehot[:, lone].any()


def test_of_a_pictures_tags_only_those_with_pictures_in_other_folds_count():
    labels = np.pad(made()["labels"], ((0, 0), (0, 1)), constant_values=-1)
    labels[labels[:, 0] == 3] = (0, -1)
    labels[7] = (0, 3)  # the only picture of tag 3, and one of tag 0
    got = crossed(labels=labels)
    assert 7 in got.rows
    assert got.labels_onehot[got.rows == 7].tolist() == [[True, False, False, False]]


@pytest.mark.parametrize("reference", [None, world_reference()], ids=["no reference", "reference"])
def test_pictures_outside_all_folds_are_neither_fitted_nor_scored(reference):
    folds = np.where(np.arange(len(FOLDS)) % 4 == 1, -1, FOLDS)
    inside = folds >= 0
    x = made()["embeddings"].copy()
    x[~inside] += 1000
    got = crossed(reference=reference, folds=folds, embeddings=x)
    alone = cross_fit(x[inside], made()["labels"][inside], folds[inside], TAGS, WHITENED, reference)
    np.testing.assert_array_equal(got.rows, np.flatnonzero(inside)[alone.rows])
    assert got.strength == alone.strength
    assert_near(got.scores.log_joint, alone.scores.log_joint)


@pytest.mark.parametrize("folds", [np.arange(4), np.full(4, -1), np.arange(0)], ids=["lone", "held out", "none"])
@pytest.mark.parametrize("reference", [None, world_reference()], ids=["no reference", "reference"])
def test_with_nothing_to_score_there_are_no_scores(folds, reference):
    x, labels = drawn(TAGS, 1)
    n = len(folds)
    got = cross_fit(x[:n], labels[:n, None], folds, TAGS, WHITENED, reference)
    assert (len(got.rows), got.scores.log_joint.shape, got.labels_onehot.shape) == (0, (0, TAGS), (0, TAGS))
    assert got.strength == (None if reference is None else STRENGTHS[1])


def test_folds_are_left_out_once_enough_pictures_are_scored(monkeypatch):
    monkeypatch.setattr(module, "ENOUGH_PICTURES", 9)
    got = crossed()
    np.testing.assert_array_equal(got.rows, np.flatnonzero(FOLDS < 2))


def test_the_loss_of_a_picture_is_that_at_the_best_temperature_on_average_over_its_tags():
    scores = np.random.default_rng(0).normal(size=(200, 3)) * 30
    onehot = np.eye(3, dtype=bool)[np.random.default_rng(1).integers(0, 3, 200)]
    onehot[0] = (True, True, False)
    log_p = log_softmax(scores / fit_temperature(scores, onehot))
    losses = log_losses(scores, onehot)
    assert losses[0] == pytest.approx(-log_p[0, :2].mean())
    np.testing.assert_allclose(losses[1:], -log_p[1:][onehot[1:]])


def scored(**losses):
    """Out-of-fold scores that stand for their losses, by strength."""
    return {
        float(name[1:]): CrossFit(
            np.arange(4), Scores(np.array(loss)[:, None], None), None, np.ones((4, 1), bool), None
        )
        for name, loss in losses.items()
    }


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ({"s9": [1, 1, 1, 1], "s5": [1, 1, 1, 1], "s2": [1, 1, 1, 1]}, 9),  # ties
        ({"s9": [2, 0, 2, 0], "s5": [1, 1, 0, 1], "s2": [0, 1, 1, 0]}, 9),  # within chance: 0.5 is less than 0.56
        ({"s9": [2, 2, 2, 2], "s5": [1, 1, 1, 1], "s2": [1, 0, 1, 1]}, 2),  # 0.25 is beyond 0.22
        ({"s9": [2, 2, 2, 2], "s5": [1.1, 0.9, 1, 1.1], "s2": [1, 1, 1, 1]}, 5),
        ({"s9": [2, 2, 2, 2], "s5": [2, 2, 2, 3], "s2": [1, 1, 1, 1]}, 2),
        ({"s9": [1, 1, 1, 1], "s5": [3, 3, 3, 3], "s2": [2, 2, 2, 2]}, 9),
    ],
)
def test_the_greatest_strength_within_a_standard_error_of_the_least_loss_is_chosen(losses, chosen, monkeypatch):
    monkeypatch.setattr(module, "log_losses", lambda log_joint, labels_onehot: log_joint[:, 0])
    assert choose_strength(scored(**losses)) == chosen


@pytest.mark.parametrize("classifier", [GNB, WHITENED])
def test_scores_of_a_subset_are_those_of_its_pictures(classifier):
    whole = crossed(classifier)
    keep = np.arange(len(whole.rows)) % 3 == 0
    part = subset_scores(whole, keep)
    np.testing.assert_array_equal(part.rows, whole.rows[keep])
    np.testing.assert_array_equal(part.scores.log_joint, whole.scores.log_joint[keep])
    np.testing.assert_array_equal(part.labels_onehot, whole.labels_onehot[keep])
    assert part.strength == whole.strength
    assert (part.novelty is part.scores.background is None) == (classifier is GNB)
    if whole.novelty is not None:
        np.testing.assert_array_equal(part.novelty, whole.novelty[keep])
        np.testing.assert_array_equal(part.scores.background, whole.scores.background[keep])
