import numpy as np
import pytest

from imagetagger.bundle.executor import embed_image, score_rows
from imagetagger.bundle.golden import append_empty_row
from imagetagger.prediction.conformal import COVERAGE_LEVELS
from imagetagger.prediction.decision import PredictionSetRule
from imagetagger.prediction.predict import Prediction, log_class_prior, predict
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.lessons import NO_LESSONS, Lessons, TaughtPicture
from imagetagger.tagger.predict import adapted_coverage, missed_share, predict_embedding, tag_counts
from imagetagger.tagger.tag_statistics import TagRows, update_rows
from tests.helpers.bundles import BLOCK, WHITENED
from tests.helpers.taught import CRIMSON, YELLOW, bundle, executor, pixels

pytestmark = pytest.mark.slow

KINDS = [(), WHITENED, (*WHITENED, "classifier.class_prior=counts")]


def embedded(colour, seed, *overrides):
    return embed_image(executor(*overrides), pixels(colour, seed))


def rows(taught: Lessons, *overrides: str) -> TagRows:
    made = bundle(*overrides)
    return update_rows(TagRows({}, ()), made, taught, tag_names.vocabulary(made.labels, taught), executor(*overrides))


def predicted(embedding, taught: Lessons, *overrides: str, coverage=None) -> Prediction:
    manifest = bundle(*overrides).manifest
    return predict_embedding(embedding, rows(taught, *overrides), manifest, executor(*overrides), coverage)


def with_tags(count: int) -> Lessons:
    """Lessons in which so many tags were added and none was taught."""
    taught = NO_LESSONS
    for i in range(count):
        taught, _ = tag_names.add_tag(taught, bundle().labels, f"tag {i}")
    return taught


@pytest.mark.parametrize("overrides", KINDS)
@pytest.mark.parametrize("added", [0, 1, BLOCK])
def test_tags_without_pictures_change_nothing_and_are_in_no_set(overrides, added):
    for colour in ("red", CRIMSON, YELLOW):
        x = embedded(colour, 3, *overrides)
        coverage = 0.999 if overrides else None
        bare = predicted(x, NO_LESSONS, *overrides)
        got = predicted(x, with_tags(added), *overrides, coverage=coverage)
        np.testing.assert_allclose(got.probability[:, :4], bare.probability, rtol=1e-12)
        assert not got.probability[:, 4:].any()
        assert not got.in_set[:, 4:].any()
        assert (got.novelty_score, got.is_novel) == (bare.novelty_score, bare.is_novel)
        assert got.in_set[:, :4].all() or not overrides


@pytest.mark.parametrize("overrides", KINDS)
def test_a_prediction_is_that_of_the_bundles_scores(overrides):
    x, made = embedded(CRIMSON, 3, *overrides), bundle(*overrides)
    scores = score_rows(executor(*overrides), x, append_empty_row(made.rows))[None]
    log_prior = log_class_prior(made.rows.count, made.manifest.classifier.class_prior)
    expected = predict(scores[:, :-1], scores[:, -1] if overrides else None, log_prior, made.manifest.decision)
    got = predicted(x, NO_LESSONS, *overrides)
    for part, value in zip(got, expected, strict=True):
        np.testing.assert_array_equal(part, value)


@pytest.mark.parametrize("overrides", KINDS[1:])
def test_a_picture_is_novel_if_no_tag_fits(overrides):
    for colour, novel in (("red", False), (CRIMSON, False), (YELLOW, True), ((128, 128, 128), True)):
        got = predicted(embedded(colour, 3, *overrides), NO_LESSONS, *overrides)
        assert got.is_novel == novel
        assert (got.novelty_score > bundle(*overrides).manifest.decision.novelty.threshold) == novel


def test_the_class_prior_is_not_part_of_the_novelty_score():
    x = embedded("red", 3, *WHITENED)
    scores = [predicted(x, NO_LESSONS, *overrides).novelty_score for overrides in KINDS[1:]]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_without_a_background_no_picture_is_novel():
    got = predicted(embedded(YELLOW, 3), NO_LESSONS)
    assert (got.novelty_score, got.is_novel) == (None, False)


@pytest.mark.parametrize("overrides", KINDS)
def test_without_any_taught_tag_all_is_zero_and_what_can_be_novel_is(overrides):
    nothing = lessons.NO_LESSONS
    for label in bundle().labels:
        nothing = lessons.remove_tag(nothing, label.id)
    for taught in (nothing, tag_names.add_tag(nothing, bundle().labels, "cat")[0]):
        got = predicted(embedded("red", 3, *overrides), taught, *overrides)
        assert not got.probability.any()
        assert not got.in_set.any()
        assert got.is_novel == bool(overrides)


def test_counts_are_those_of_bundle_and_user_together():
    taught = lessons.learn(NO_LESSONS, "p", TaughtPicture(b"", embedded("red", 1), "space", ("red", "n01")))
    np.testing.assert_array_equal(tag_counts(rows(taught)), [8, 8, 9, 9])


def lessons_that_missed(*missed):
    pictures = {str(i): TaughtPicture(b"", np.zeros(1), "space", ("red",), share) for i, share in enumerate(missed)}
    return Lessons(pictures, NO_LESSONS.edits)


def test_the_coverage_follows_the_misses_of_the_lessons():
    rule = PredictionSetRule("lac", 0.9, 0.5, tuple(COVERAGE_LEVELS.tolist()), 0.1)
    assert adapted_coverage(NO_LESSONS, rule) == pytest.approx(0.9)
    assert adapted_coverage(lessons_that_missed(1.0), rule) == pytest.approx(0.99)
    assert adapted_coverage(lessons_that_missed(0.0), rule) == pytest.approx(0.89)
    assert adapted_coverage(lessons_that_missed(0.5, None, 0.0), rule) == pytest.approx(0.93)
    assert adapted_coverage(lessons_that_missed(None), rule) == pytest.approx(0.9)


def test_a_rule_without_a_guarantee_has_no_coverage_to_adapt():
    assert adapted_coverage(lessons_that_missed(1.0), PredictionSetRule("cumulative", None, 0.9)) is None


def test_the_share_missed_is_of_the_tags_that_had_pictures():
    tag_rows, in_set = rows(with_tags(1)), np.array([True, False, True, False, False])
    assert list(tag_rows.by_tag) == ["blue", "green", "red", "n01", "user:tag 0"]
    assert missed_share(in_set, tag_rows, ("blue", "red")) == 0
    assert missed_share(in_set, tag_rows, ("green", "red")) == 0.5
    assert missed_share(in_set, tag_rows, ("n01",)) == 1
    assert missed_share(in_set, tag_rows, ("user:tag 0", "red")) == 0
    assert missed_share(in_set, tag_rows, ("user:tag 0",)) is None
