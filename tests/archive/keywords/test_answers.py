"""Tags that a person confirms or rejects in a review."""

import pytest

from imagetagger.archive.keywords import (
    SidecarChange,
    SidecarError,
    plan_answer,
    plan_removal,
    plan_tags,
    read_keywords,
)
from tests.helpers.sidecars import BAND, FINCH, JPEG, LAYOUTS, applied, bag, layout, make_picture, tag, xmp

OWL = ("animal", "bird", "owl")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_confirmed_tag_is_the_persons_in_every_field_and_stays_when_ours_go(name, tmp_path):
    picture, sidecar = layout(tmp_path, name)
    before, people = sidecar.read_bytes(), read_keywords(picture).people
    applied(plan_tags(picture, [BAND]))
    applied(plan_answer(picture, [OWL], []))
    found = read_keywords(picture)
    assert set(found.people) == {*people, OWL}
    assert list(found.machine) == ([] if BAND.keyword in people else [BAND])
    applied(plan_removal(picture))
    without = sidecar.read_bytes()
    assert set(read_keywords(picture).people) == {*people, OWL}
    assert b"imagetagger" not in without.replace(before, b"")
    assert all(line in without for line in before.splitlines() if b"/>" not in line)  # nothing of theirs is lost
    assert picture.read_bytes() == JPEG


@pytest.mark.parametrize(("style", "name"), [("digikam", "a.jpg.xmp"), ("adobe", "a.xmp")])
def test_a_sidecar_that_an_answer_made_is_the_persons(style, name, tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_answer(picture, [OWL], [], style=style))
    assert change.path == tmp_path / name
    assert b"imagetagger:Marks" not in change.after
    assert read_keywords(picture) == ((OWL,), (), ())
    applied(plan_tags(picture, [FINCH], style=style))
    assert applied(plan_removal(picture)).after == change.after


def test_a_tag_of_ours_that_is_confirmed_is_the_persons(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_tags(picture, [tag("auto", *FINCH.keyword), BAND]))
    applied(plan_answer(picture, [FINCH.keyword], []))
    assert read_keywords(picture) == ((FINCH.keyword,), (BAND,), ())
    applied(plan_tags(picture, [FINCH]))
    assert read_keywords(picture) == ((FINCH.keyword,), (), ())
    applied(plan_removal(picture))
    assert read_keywords(picture) == ((FINCH.keyword,), (), ())


def test_a_tag_of_ours_that_is_rejected_is_withdrawn_and_not_written_again(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_tags(picture, [FINCH, BAND]))
    applied(plan_answer(picture, [], [FINCH.keyword]))
    assert read_keywords(picture) == ((), (BAND,), (FINCH,))
    applied(plan_tags(picture, [FINCH, BAND]))
    assert read_keywords(picture) == ((), (BAND,), (FINCH,))
    assert b"goldfinch</rdf:li>" not in (tmp_path / "a.jpg.xmp").read_bytes()


def test_what_is_below_a_rejected_tag_is_withdrawn_with_it(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_tags(picture, [FINCH, BAND]))
    applied(plan_answer(picture, [], [FINCH.keyword[:2]]))
    assert read_keywords(picture) == ((), (BAND,), (FINCH,))


def test_tags_of_ours_are_those_of_a_picture_that_was_renamed_with_its_sidecar(tmp_path):
    before = make_picture(tmp_path)
    applied(plan_tags(before, [FINCH, BAND]))
    picture = before.rename(tmp_path / "b.jpg")
    (tmp_path / "a.jpg.xmp").rename(tmp_path / "b.jpg.xmp")
    applied(plan_answer(picture, [OWL], []))
    assert read_keywords(picture) == ((OWL,), (FINCH, BAND), ())
    applied(plan_answer(picture, [], [FINCH.keyword]))
    assert read_keywords(picture) == ((OWL,), (BAND,), (FINCH,))


def test_the_only_tag_of_ours_can_be_rejected_and_confirmed_again(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_tags(picture, [FINCH]))
    applied(plan_answer(picture, [], [FINCH.keyword]))
    assert read_keywords(picture).withdrawn == (FINCH,)
    applied(plan_answer(picture, [FINCH.keyword], []))
    assert read_keywords(picture) == ((FINCH.keyword,), (), ())


def test_what_is_there_or_was_never_written_changes_nothing(tmp_path):
    picture = make_picture(tmp_path)
    path = tmp_path / "a.jpg.xmp"
    assert plan_answer(picture, [], [OWL]) == SidecarChange(path, None, None)
    applied(plan_answer(picture, [OWL], []))
    there = path.read_bytes()
    assert plan_answer(picture, [OWL, OWL[-1:]], [BAND.keyword]) == SidecarChange(path, there, there)


def test_names_that_fields_write_in_the_same_way_are_added_once(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_answer(picture, [("animal", "bat"), ("sport", "bat")], []))
    assert (tmp_path / "a.jpg.xmp").read_text("utf-8").count("<rdf:li>bat</rdf:li>") == 1
    assert read_keywords(picture).people == (("animal", "bat"), ("sport", "bat"))


def test_a_rejection_leaves_the_tag_to_another_picture_that_shares_the_sidecar(tmp_path):
    first, second = make_picture(tmp_path), make_picture(tmp_path, "a.png")
    for picture in (first, second):
        applied(plan_tags(picture, [FINCH], style="adobe"))
    applied(plan_answer(first, [], [FINCH.keyword]))
    assert read_keywords(second).machine == (FINCH,)
    applied(plan_answer(second, [], [FINCH.keyword]))
    assert read_keywords(second).machine == ()


def test_a_layout_that_cannot_be_changed_is_an_error(tmp_path):
    attribute = xmp("", 'dc:subject="cat" lr:hierarchicalSubject="cat"')
    picture = make_picture(tmp_path, sidecar=attribute)
    with pytest.raises(SidecarError, match="cannot be added"):
        plan_answer(picture, [OWL], [])
    assert (tmp_path / "a.jpg.xmp").read_text("utf-8") == attribute


@pytest.mark.parametrize("keyword", [(), ("",), (" cat",), ("c\nat",), ("cat",) * 40, ("x" * 501,)])
def test_a_keyword_that_cannot_be_written_is_refused(keyword, tmp_path):
    with pytest.raises(ValueError, match="got"):
        plan_answer(make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat"))), [keyword], [])
