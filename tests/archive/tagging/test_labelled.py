import numpy as np
import pytest

from imagetagger.archive.tagging.labelled import SetKeywords, label_pictures
from imagetagger.archive.tagging.plan import machine_tags, settled_tags

DOG, POODLE, CAT = ("animal", "dog"), ("animal", "dog", "poodle"), ("cat",)


def pictures(*keywords: tuple[tuple[str, ...], ...]) -> dict[str, SetKeywords]:
    return {f"{i:02}": SetKeywords(own) for i, own in enumerate(keywords)}


def test_a_picture_has_its_tags_and_those_above_that_people_set():
    made = label_pictures(pictures((POODLE,), (POODLE,), (DOG,), (CAT, DOG), (CAT,), ()), min_pictures=2)
    assert made.keywords == (DOG, POODLE, CAT)
    assert made.contents == ("00", "01", "02", "03", "04")
    assert made.labels.astype(int).tolist() == [[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]]


def test_tags_of_few_pictures_and_those_of_programs_are_left_out():
    internal = ("_Digikam_Internal_Tags_", "Color Label None")
    made = label_pictures(pictures((DOG, internal), (DOG, internal), (DOG, internal), (CAT,)))
    assert made.keywords == (DOG,)
    assert made.contents == ("00", "01", "02")


def test_a_short_form_of_a_keyword_is_the_keyword():
    made = label_pictures(pictures((DOG,), (("dog",),), (("Dog",),)))
    assert made.keywords == (DOG,)
    assert made.labels.all()


def test_a_tag_that_people_deleted_is_evidence_against_it_and_those_below():
    own = pictures((POODLE,), (POODLE,), (POODLE,), (DOG,))
    own["09"] = SetKeywords((), (("auto", *DOG),))
    made = label_pictures(own, min_pictures=1)
    assert made.contents[-1] == "09"
    assert made.is_withdrawn.astype(int).tolist() == [[0, 0]] * 4 + [[1, 1]]
    own["09"] = SetKeywords((), (POODLE,))
    assert label_pictures(own, min_pictures=1).is_withdrawn[-1].tolist() == [False, True]


def test_without_tags_there_is_nothing_to_learn():
    made = label_pictures(pictures((), ()))
    assert (made.keywords, made.contents, made.labels.shape) == ((), (), (0, 0))


@pytest.mark.parametrize(
    ("own", "leaves", "expected"),
    [
        (SetKeywords(), False, [0, 0, 0]),
        (SetKeywords((POODLE,)), False, [1, 1, 0]),
        (SetKeywords((DOG,)), False, [1, 0, 0]),
        (SetKeywords((DOG,)), True, [1, 1, 1]),
        (SetKeywords((("beach",),)), True, [0, 0, 0]),
        (SetKeywords((), (DOG,)), True, [1, 1, 0]),
    ],
)
def test_what_people_decided_about_is_settled(own, leaves, expected):
    settled = settled_tags((DOG, POODLE, CAT), [own], leave_tagged=leaves)
    assert settled.astype(int).tolist() == [expected]


def test_a_keyword_is_written_with_its_broader_ones_once():
    probability = np.array([0.99, 0.981234567, 0.97])
    tags = machine_tags(
        (DOG, POODLE, CAT), probability, np.array([True, True, False]), bundle="b", written="w", under=("auto",)
    )
    assert tags == [(("auto", *POODLE), 0.9812, "b", "w")]
