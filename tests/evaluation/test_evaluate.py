import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.classifier import fit
from imagetagger.classifier.fit import fit_classifier, multi_hot, score_embeddings
from imagetagger.classifier.naive_bayes import background_gaussian, finalize, fit_prior, log_joint
from imagetagger.classifier.scatter import fit_scatter
from imagetagger.classifier.statistics import fit_statistics
from imagetagger.classifier.whitening import apply_transform, fit_transform
from imagetagger.data.dataset import BadDataError
from imagetagger.evaluation import evaluate
from imagetagger.evaluation.evaluate import calibrate_classifier, evaluate_classifier, predict_calibrated
from imagetagger.evaluation.metrics import observe_probabilities
from imagetagger.prediction.calibration import log_softmax
from imagetagger.prediction.decision import PredictionSetRule, apply_decision
from imagetagger.prediction.prediction_sets import nonconformity
from tests.helpers.clusters import clustered
from tests.helpers.composed import settings

PLAIN, WHITENED = ("classifier=gnb",), ("classifier=whitened", "classifier.dimensions=5")


def fit(x, labels, tags, *overrides, held=None):
    held = np.zeros(len(x), bool) if held is None else held
    return fit_classifier(x, labels, held, tags, settings(*overrides).classifier)


def made(*overrides, counts=(60, 30, 45), apart=1.0, held=None):
    """Embeddings (N, 8), labels (N, 1) and the classifier fitted on them."""
    x, labels = clustered(counts, features=8, apart=apart)
    return x, labels[:, None], fit(x, labels[:, None], len(counts), *overrides, held=held)


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_scores_of_batches_are_those_of_the_whole(overrides, monkeypatch):
    x, _, fitted = made(*overrides)
    whole = score_embeddings(fitted, x)
    monkeypatch.setattr(evaluate, "BATCH_ROWS", 16)
    parts, none = score_embeddings(fitted, x), score_embeddings(fitted, x[:0])
    np.testing.assert_allclose(parts.log_joint, whole.log_joint, rtol=1e-5, atol=1e-4)
    assert none.log_joint.shape == (0, 3)
    if overrides is PLAIN:
        assert whole.fits is None
        assert none.fits is None
    else:
        np.testing.assert_allclose(parts.fits, whole.fits, rtol=1e-5, atol=1e-4)
        assert none.fits.shape == (0,)


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_pictures_that_all_look_alike_are_refused(overrides):
    x, labels = np.ones((6, 2), np.float32), np.array([[0], [1]] * 3, np.int32)
    fitted = fit(x, labels, 2, *overrides)
    with pytest.raises(BadDataError, match="look alike"):
        score_embeddings(fitted, x)


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED, ("classifier=whitened", "classifier.transform=standardised")])
def test_a_fit_takes_no_picture_that_is_held_out(overrides, monkeypatch):
    held = np.arange(135) % 5 == 0
    x, labels, _ = made(*overrides)
    x[held] += 100  # would be seen anywhere
    monkeypatch.setattr(evaluate, "BATCH_ROWS", 7)
    got = fit(x, labels, 3, *overrides, held=held)
    monkeypatch.setattr(evaluate, "BATCH_ROWS", 1000)
    expected = fit(x[~held], labels[~held], 3, *overrides)
    assert (got.transform is None) == (overrides is PLAIN)
    # A matrix of float16 values may differ in the last of their digits.
    near = {"rtol": 1e-5, "atol": 1e-5} if overrides is PLAIN else {"rtol": 2e-3, "atol": 2e-3}
    np.testing.assert_array_equal(got.statistics.count, expected.statistics.count)
    np.testing.assert_allclose(got.gaussian.mean, expected.gaussian.mean, **near)
    np.testing.assert_allclose(got.gaussian.variance, expected.gaussian.variance, **near)


def test_a_fit_is_the_transform_then_statistics_prior_and_classifier_of_what_it_gives():
    x, labels, fitted = made(*WHITENED)
    chosen = settings(*WHITENED).classifier
    options = {key: getattr(chosen, key) for key in ("dimensions", "shrinkage", "spread", "unit_length")}
    own = fit_transform(fit_scatter([(x, labels)], 3, 8), "whitened", **options)
    np.testing.assert_array_equal(fitted.transform.weights, own.weights)
    y = apply_transform(own, jnp.asarray(x))
    statistics = fit_statistics([(y, labels)], 3, 5)
    prior = fit_prior(statistics, chosen.kappa, chosen.smoothing, chosen.mean_variance_floor, chosen.isotropic_prior_strength)
    expected = finalize(statistics, prior, chosen.class_prior)
    for got, wanted in zip((*fitted.prior, *fitted.gaussian), (*prior, *expected), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    joint = log_joint(expected, y)
    np.testing.assert_allclose(score_embeddings(fitted, x).log_joint, joint, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("class_prior", ["uniform", "counts"])
def test_how_well_pictures_fit_is_their_best_tags_likelihood_above_the_background(class_prior):
    x, labels = clustered((60, 30), features=8)
    fitted = fit(x, labels[:, None], 3, *WHITENED, f"classifier.class_prior={class_prior}")  # the third has no pictures
    y = apply_transform(fitted.transform, jnp.asarray(x))
    tags = log_joint(fitted.gaussian._replace(log_prior=jnp.array([0, 0, -jnp.inf])), y)
    background = log_joint(background_gaussian(fitted.prior), y)
    wanted = np.asarray(tags).max(1) - np.asarray(background)[:, 0]
    np.testing.assert_allclose(score_embeddings(fitted, x).fits, wanted, rtol=1e-4, atol=1e-3)


def test_the_shipped_settings_classify_what_tells_classes_apart():
    x, labels, fitted = made(*WHITENED, apart=3.0)
    assert (score_embeddings(fitted, x).log_joint.argmax(1) == labels[:, 0]).mean() > 0.95


def calibrate(fitted, x, labels, wanted):
    truth = multi_hot(labels, len(fitted.gaussian.log_prior))
    return calibrate_classifier(score_embeddings(fitted, x), truth, wanted)


def test_where_every_picture_is_told_right_probabilities_stay_modest_and_it_is_told(caplog):
    rng = np.random.default_rng(0)
    x = (np.arange(20) % 2 * 100.0 + rng.normal(size=(2, 20))).T.astype(np.float32)
    labels = (np.arange(20, dtype=np.int32) % 2)[:, None]
    fitted, wanted = fit(x, labels, 2, *PLAIN), settings("calibrate.prediction_set=cumulative").calibrate
    decision = calibrate(fitted, x[:4], labels[:4], wanted)
    log_p, _ = apply_decision(score_embeddings(fitted, x[:4]).log_joint, decision)
    assert np.exp(log_p.max(1)).mean() == pytest.approx(4.5 / 5, abs=1e-3)
    assert "all 4 calibration pictures were told right" in caplog.text


def test_a_promise_that_the_pictures_are_too_few_for_is_told_and_not_made(caplog):
    x, labels, fitted = made(*WHITENED)
    decision = calibrate(fitted, x[:10], labels[:10], settings("calibrate.prediction_set=lac").calibrate)
    assert decision.prediction_set == PredictionSetRule("cumulative", None, 0.9)
    assert "10 calibration pictures are too few to promise a coverage of 0.9, which takes 18" in caplog.text
    caplog.clear()
    kept = calibrate(fitted, x, labels, settings("calibrate.prediction_set=lac").calibrate)
    assert (kept.prediction_set.rule, kept.prediction_set.coverage) == ("lac", 0.9)
    assert "too few" not in caplog.text


def test_without_pictures_to_calibrate_on_probabilities_are_raw_and_that_is_told(caplog):
    x, labels, fitted = made(*PLAIN)
    decision = calibrate(fitted, x[:0], labels[:0], settings("calibrate.prediction_set=cumulative").calibrate)
    assert decision.calibration.temperature == 1
    assert "no pictures to calibrate on" in caplog.text


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_figures_are_those_of_the_decision_and_strata_those_of_its_sets(overrides):
    x, labels, fitted = made(*overrides, apart=0.5)
    chosen = settings("calibrate.prediction_set=lac", "calibrate.coverage=0.8").calibrate
    decision = calibrate(fitted, x, labels, chosen)
    truth = multi_hot(labels, 3)
    measured = evaluate_classifier(fitted, decision, x, truth, chosen.coverage)
    log_p, sets = apply_decision(measured.scores.log_joint, decision)
    assert measured.figures["top1"] == pytest.approx((log_p.argmax(1) == labels[:, 0]).mean())
    covered = sets[truth]
    assert measured.figures["coverage"] == pytest.approx(covered.mean())
    assert sum(stratum["pictures"] for stratum in measured.strata["by_size"]) == len(x)
    by_tag = [covered[labels[:, 0] == tag].mean() for tag in range(3)]
    np.testing.assert_allclose(measured.strata["by_tag"], by_tag)
    assert (decision.novelty is None) == (overrides is PLAIN)


def test_batches_are_padded_to_a_few_sizes_with_pictures_of_no_tag(monkeypatch):
    monkeypatch.setattr(evaluate, "BATCH_ROWS", 64)
    monkeypatch.setattr(evaluate, "MIN_PADDED_ROWS", 16)
    sizes = set()
    for n in range(1, 200):
        x, labels = np.arange(2.0 * n, dtype=np.float32).reshape(n, 2), np.arange(n, dtype=np.int32)[:, None]
        batches = list(fit._batches(x, labels))
        real = [batch[tags[:, 0] >= 0] for batch, tags in batches]
        np.testing.assert_array_equal(np.concatenate(real), x)
        np.testing.assert_array_equal(np.concatenate([tags for _, tags in batches])[:n], labels)
        padding = np.concatenate([batch[tags[:, 0] < 0] for batch, tags in batches])
        assert (padding == x[-1]).all()  # looks like a picture
        sizes |= {len(batch) for batch, _ in batches}
    assert sizes == {16, 32, 64}
    assert list(fit._batches(x[:0], labels[:0])) == []


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_padding_changes_no_number(overrides, monkeypatch):
    x, labels, fitted = made(*overrides)
    whole = score_embeddings(fitted, x)
    monkeypatch.setattr(evaluate, "MIN_PADDED_ROWS", 1)
    bare = fit(x, labels, 3, *overrides)
    np.testing.assert_array_equal(bare.statistics.count, fitted.statistics.count)
    np.testing.assert_allclose(bare.gaussian.mean, fitted.gaussian.mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(score_embeddings(fitted, x).log_joint, whole.log_joint, rtol=1e-5, atol=1e-4)


def test_probabilities_are_told_with_and_without_calibration_and_serve_the_sets_of_any_coverage():
    x, labels, fitted = made(*WHITENED, apart=0.5)
    truth, scores = multi_hot(labels, 3), score_embeddings(fitted, x)
    decision = calibrate(fitted, x, labels, settings("calibrate.prediction_set=lac").calibrate)
    told = predict_calibrated(scores, decision.calibration, truth)
    np.testing.assert_array_equal(told.log_p, apply_decision(scores.log_joint, decision)[0])
    np.testing.assert_array_equal(told.p, np.exp(told.log_p))
    np.testing.assert_allclose(told.raw_p, np.exp(log_softmax(scores.log_joint)))
    np.testing.assert_array_equal(told.raw_misfit, nonconformity(told.raw_p, "cumulative"))
    for got, log_p in ((told.observed, told.log_p), (told.raw, log_softmax(scores.log_joint))):
        for field, wanted in zip(got, observe_probabilities(log_p, truth), strict=True):
            np.testing.assert_array_equal(field, wanted)
    for rule, coverage in (("lac", 0.9), ("aps", 0.7), ("cumulative", 0.5), ("top_k", 0.9)):
        chosen = settings(f"calibrate.prediction_set={rule}", f"calibrate.coverage={coverage}").calibrate
        decision = calibrate_classifier(scores, truth, chosen)
        told = predict_calibrated(scores, decision.calibration, truth)
        spared = evaluate_classifier(fitted, decision, x, truth, coverage, scores, told)
        alone = evaluate_classifier(fitted, decision, x, truth, coverage)
        assert spared.figures == alone.figures
        assert spared.raw == alone.raw
        assert (spared.strata, spared.bins) == (alone.strata, alone.bins)
        for got, wanted in zip(spared.curve, alone.curve, strict=True):
            np.testing.assert_array_equal(got, wanted)
