"""A tagger whose bundle guarantees a coverage: sets of coverage c have the tags of probability 1 - c and more."""

import itertools
import json

import pytest

from imagetagger.bundle.archive import read_files, write_zip
from imagetagger.tagger.tagger import Tagger
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import CRIMSON, bundle, doubtful, folder, names, pixels, tagger

pytestmark = pytest.mark.slow

FAST, STILL = (*WHITENED, "calibrate.aci_step_size=0.2"), (*WHITENED, "calibrate.aci_step_size=0")


def shown(made: Tagger, coverage: float | None = None) -> list[str]:
    """The tag set of a picture that is red with probability 0.6, else crimson."""
    return names(made.tag(doubtful(*WHITENED), coverage=coverage))


def missed(made: Tagger) -> list[float | None]:
    return [picture.missed for picture in made.lessons.pictures.values()]


def test_sets_of_a_higher_coverage_contain_those_of_a_lower_one():
    made = tagger(*WHITENED)
    for image in (doubtful(*WHITENED), pixels(CRIMSON, 1), pixels("blue", 1)):
        sets = [set(names(made.tag(image, coverage=c))) for c in (0.01, 0.5, 0.75, 0.9, 0.99, 0.999)]
        assert all(few <= many for few, many in itertools.pairwise(sets))
        assert len(sets[0]) == 1
        assert len(sets[-1]) == 4
    assert shown(made, 0.5) == ["red"]
    assert shown(made, 0.99) == ["red", "crimson"]


def test_the_coverage_of_sets_is_the_bundles_target_by_default():
    made = tagger(*WHITENED)
    assert made.target_coverage == 0.75
    for image in (doubtful(*WHITENED), pixels(CRIMSON, 1)):
        assert made.describe(image) == made.describe(image, coverage=0.75)


def test_top_k_is_a_number_of_tags_whatever_the_coverage():
    made = tagger(*WHITENED)
    for coverage in (None, 0.01, 0.99):
        assert len(made.tag(doubtful(*WHITENED), top_k=3, coverage=coverage)) == 3


def test_a_bundle_without_a_guarantee_refuses_a_coverage():
    made = tagger()
    assert made.target_coverage is None
    with pytest.raises(
        ValueError, match=r"got coverage=0\.9, expected none: cumulative sets have no guaranteed coverage"
    ):
        made.describe(pixels("red", 1), coverage=0.9)


@pytest.mark.parametrize("coverage", [0, 1, -0.1, 1.5, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(ValueError, match=f"got coverage={coverage}, expected a number above 0 and below 1"):
        tagger(*WHITENED).tag(pixels("red", 1), coverage=coverage)


def test_lessons_whose_tags_were_missed_enlarge_the_sets_and_forgetting_them_shrinks_them_again():
    made = tagger(*FAST)
    before = made.describe(doubtful(*WHITENED))
    made.learn(pixels("green", 1), ["blue"])
    assert missed(made) == [1.0]
    assert shown(made) == shown(made, coverage=0.9)  # 0.75, and 0.2 of the 0.75 by which more than 0.25 was missed
    assert len(shown(made)) > len(shown(made, coverage=0.75))
    made.forget(pixels("green", 1), ["blue"])
    assert made.describe(doubtful(*WHITENED)) == before


def test_after_many_misses_a_set_has_every_tag_until_hits_shrink_it_again():
    made, image = tagger(*FAST), pixels("blue", 3)
    made.learn(pixels("green", 1), ["blue"])
    made.learn(pixels("red", 1), ["green"])
    assert missed(made) == [1.0, 1.0]
    assert len(made.tag(image)) == 4
    assert len(made.tag(image, coverage=0.95)) == 2
    for seed in (2, 3):
        made.learn(pixels(CRIMSON, seed), ["crimson"])
    assert missed(made) == [1.0, 1.0, 0.0, 0.0]
    assert len(made.tag(image)) == 2


def test_lessons_whose_tags_were_shown_shrink_the_sets():
    made = tagger(*FAST)
    assert len(shown(made)) == 2
    for seed in range(5):
        made.learn(pixels("green", seed), ["green"])
    assert missed(made) == [0.0] * 5
    assert shown(made) == shown(made, coverage=0.5) == ["red"]


def test_at_step_size_0_sets_stay_as_they_are():
    made = tagger(*STILL)
    made.learn(pixels("green", 1), ["blue"])
    assert missed(made) == [1.0]
    assert shown(made) == shown(made, coverage=0.75)


def test_undoing_a_lesson_undoes_its_miss():
    made = tagger(*FAST)
    before = made.describe(pixels(CRIMSON, 1))
    made.learn(pixels("green", 1), ["blue"])
    assert made.describe(pixels(CRIMSON, 1)) != before
    made.undo()
    assert made.describe(pixels(CRIMSON, 1)) == before


def test_a_tag_that_was_never_taught_could_not_be_missed():
    made = tagger(*FAST)
    made.add_tag("lemon")
    made.learn(pixels((220, 210, 40), 1), ["lemon"])
    assert missed(made) == [None]
    assert shown(made) == shown(made, coverage=0.75)
    made.learn(pixels((220, 210, 40), 2), ["lemon"])
    made.learn(pixels("green", 1), ["blue", "green"])
    assert missed(made) == [None, 0.0, 0.5]


def test_a_picture_taught_again_was_missed_once():
    made = tagger(*FAST)
    for tags in (["blue"], ["blue"], ["green"], ["red"]):
        made.learn(pixels("green", 1), tags)
    assert missed(made) == [1.0]


def test_what_was_missed_is_kept_over_saving_and_loading(tmp_path):
    made = tagger(*FAST)
    for seed, tag in enumerate(("blue", "green", "green")):
        made.learn(pixels("green", seed), [tag])
    made.save(tmp_path / "mine.zip")
    loaded = Tagger.load(folder(*FAST), tmp_path / "mine.zip")
    assert missed(loaded) == missed(made) == [1.0, 0.0, 0.0]
    for image in (doubtful(*WHITENED), pixels(CRIMSON, 1)):
        assert loaded.describe(image) == made.describe(image)


def test_lessons_of_an_older_version_have_no_misses(tmp_path):
    made = tagger(*FAST)
    made.learn(pixels("green", 1), ["blue"])
    made.save(tmp_path / "mine.zip")
    files = read_files(tmp_path / "mine.zip", 2**24)
    content = json.loads(files["lessons.json"])
    del content["pictures"][0]["missed"]
    write_zip({**files, "lessons.json": json.dumps(content).encode()}, tmp_path / "old.zip")
    loaded = Tagger.load(folder(*FAST), tmp_path / "old.zip")
    assert missed(loaded) == [None]
    assert [tag.taught for tag in loaded.tags] == [tag.taught for tag in made.tags]
    assert shown(loaded) == shown(loaded, coverage=bundle(*FAST).manifest.decision.prediction_set.coverage)
