import numpy as np
import pytest

from imagetagger.bundle.executor import embed_image, score_rows
from imagetagger.prediction.decision import PredictionSetRule, apply_decision
from imagetagger.tagger import lessons
from imagetagger.tagger.lessons import NO_LESSONS, Lessons, TaughtPicture
from imagetagger.tagger.predict import adapted_coverage, missed_share, predict, tag_counts
from imagetagger.tagger.tag_statistics import TagRows, update_rows
from tests.helpers.bundles import BLOCK, WHITENED
from tests.helpers.taught import CRIMSON, YELLOW, bundle, executor, pixels

KINDS = [(), WHITENED, (*WHITENED, "classifier.class_prior=counts")]


def embedded(colour, seed, *overrides):
    return embed_image(executor(*overrides), pixels(colour, seed))


def rows(taught: Lessons, *overrides: str) -> TagRows:
    made = bundle(*overrides)
    return update_rows(TagRows({}, ()), made, taught, lessons.vocabulary(made.labels, taught), executor(*overrides))


def judged(embedding, taught: Lessons, *overrides: str, coverage=None):
    return predict(embedding, rows(taught, *overrides), bundle(*overrides).manifest, executor(*overrides), coverage)


def with_tags(count: int) -> Lessons:
    """Lessons in which so many tags were added and none was taught."""
    taught = NO_LESSONS
    for i in range(count):
        taught, _ = lessons.add_tag(taught, bundle().labels, f"tag {i}")
    return taught


@pytest.mark.parametrize("overrides", KINDS)
@pytest.mark.parametrize("added", [0, 1, BLOCK])
def test_tags_without_pictures_change_nothing_and_are_in_no_set(overrides, added):
    for colour in ("red", CRIMSON, YELLOW):
        x = embedded(colour, 3, *overrides)
        coverage = 0.999 if overrides else None
        bare, got = judged(x, NO_LESSONS, *overrides), judged(x, with_tags(added), *overrides, coverage=coverage)
        np.testing.assert_allclose(got.probability[:4], bare.probability, rtol=1e-12)
        assert not got.probability[4:].any()
        assert not got.member[4:].any()
        assert (got.fit, got.unknown) == (bare.fit, bare.unknown)
        assert got.member[:4].all() or not overrides


@pytest.mark.parametrize("overrides", KINDS)
def test_a_judgement_is_the_decision_on_the_bundles_scores(overrides):
    x, made = embedded(CRIMSON, 3, *overrides), bundle(*overrides)
    scores = score_rows(executor(*overrides), x, made.rows)
    (log_p,), (member,) = apply_decision(scores[None], made.manifest.decision)
    got = judged(x, NO_LESSONS, *overrides)
    np.testing.assert_allclose(got.probability, np.exp(log_p), rtol=1e-12)
    np.testing.assert_array_equal(got.member, member)


@pytest.mark.parametrize("overrides", KINDS[1:])
def test_a_picture_is_unknown_where_no_tag_fits_and_known_where_one_does(overrides):
    for colour, unknown in (("red", False), (CRIMSON, False), (YELLOW, True), ((128, 128, 128), True)):
        got = judged(embedded(colour, 3, *overrides), NO_LESSONS, *overrides)
        assert got.unknown is unknown
        assert (got.fit < bundle(*overrides).manifest.decision.novelty.threshold) is unknown


def test_the_class_prior_is_no_part_of_the_fit():
    x = embedded("red", 3, *WHITENED)
    fits = [judged(x, NO_LESSONS, *overrides).fit for overrides in KINDS[1:]]
    assert fits[0] == pytest.approx(fits[1], abs=1e-3)


def test_a_bundle_without_a_background_calls_nothing_unknown():
    got = judged(embedded(YELLOW, 3), NO_LESSONS)
    assert (got.fit, got.unknown) == (None, False)


@pytest.mark.parametrize("overrides", KINDS)
def test_without_any_taught_tag_all_is_zero_and_what_can_be_unknown_is(overrides):
    nothing = lessons.NO_LESSONS
    for label in bundle().labels:
        nothing = lessons.remove_tag(nothing, label.id)
    for taught in (nothing, lessons.add_tag(nothing, bundle().labels, "cat")[0]):
        got = judged(embedded("red", 3, *overrides), taught, *overrides)
        assert not got.probability.any()
        assert not got.member.any()
        assert got.unknown is bool(overrides)
        assert got.fit is None


def test_counts_are_those_of_bundle_and_user_together():
    taught = lessons.learn(NO_LESSONS, "p", TaughtPicture(b"", embedded("red", 1), "space", ("red", "n01")))
    np.testing.assert_array_equal(tag_counts(rows(taught)), [8, 8, 9, 9])


def lessons_that_missed(*missed):
    pictures = {str(i): TaughtPicture(b"", np.zeros(1), "space", ("red",), share) for i, share in enumerate(missed)}
    return Lessons(pictures, NO_LESSONS.edits)


def test_the_coverage_asked_for_follows_the_misses_of_the_lessons():
    promised = PredictionSetRule("lac", 0.9, 0.5, aci_step_size=0.1)
    assert adapted_coverage(NO_LESSONS, promised) == pytest.approx(0.9)
    assert adapted_coverage(lessons_that_missed(1.0), promised) == pytest.approx(0.99)
    assert adapted_coverage(lessons_that_missed(0.0), promised) == pytest.approx(0.89)
    assert adapted_coverage(lessons_that_missed(0.5, None, 0.0), promised) == pytest.approx(0.93)
    assert adapted_coverage(lessons_that_missed(None), promised) == pytest.approx(0.9)


def test_nothing_is_asked_of_a_rule_that_promises_nothing():
    assert adapted_coverage(lessons_that_missed(1.0), PredictionSetRule("cumulative", None, 0.9)) is None


def test_the_share_missed_is_of_the_tags_that_could_have_been_shown():
    found, member = rows(with_tags(1)), np.array([True, False, True, False, False])
    assert list(found.by_tag) == ["blue", "green", "red", "n01", "user:tag 0"]
    assert missed_share(member, found, ("blue", "red")) == 0
    assert missed_share(member, found, ("green", "red")) == 0.5
    assert missed_share(member, found, ("n01",)) == 1
    assert missed_share(member, found, ("user:tag 0", "red")) == 0
    assert missed_share(member, found, ("user:tag 0",)) is None
