import os
import re
import stat

import pytest

from imagetagger.archive.keywords import (
    SidecarChange,
    SidecarError,
    apply_change,
    describe_change,
    plan_removal,
    plan_tags,
    read_keywords,
)
from tests.helpers.sidecars import BAND, CASES, FINCH, JPEG, LAYOUTS, applied, bag, layout, make_picture, tag, xmp

TAGS = [FINCH, BAND, tag("Tiere & Co.", "<Wolf>")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_removal_leaves_every_byte_as_it_was(name, tmp_path):
    picture, sidecar = layout(tmp_path, name)
    before, people = sidecar.read_bytes(), read_keywords(picture).people
    applied(plan_tags(picture, TAGS))
    found = read_keywords(picture)
    assert set(found.people) == set(people)
    assert found.withdrawn == ()
    assert list(found.machine) == [each for each in TAGS if each.keyword not in people]
    assert applied(plan_removal(picture)).path == sidecar
    assert sidecar.read_bytes() == before
    assert picture.read_bytes() == JPEG


@pytest.mark.parametrize("name", LAYOUTS)
def test_planning_the_same_tags_again_changes_nothing(name, tmp_path):
    picture, _ = layout(tmp_path, name)
    change = applied(plan_tags(picture, TAGS))
    later = [each._replace(written="2027-01-01T00:00:00Z") for each in TAGS]
    for tags in (TAGS, later):
        assert plan_tags(picture, tags) == SidecarChange(change.path, change.after, change.after)


@pytest.mark.parametrize("name", LAYOUTS)
def test_other_tags_replace_ours_as_if_they_had_been_the_first(name, tmp_path):
    picture, sidecar = layout(tmp_path, name)
    before = sidecar.read_bytes()
    other = [tag("boat"), FINCH._replace(probability=0.5, bundle="b2", written="2027-01-01T00:00:00Z")]
    direct = plan_tags(picture, other)
    applied(plan_tags(picture, TAGS))
    change = applied(plan_tags(picture, other))
    assert change.after == direct.after
    assert list(read_keywords(picture).machine) == other
    assert applied(plan_tags(picture, [])).after == before


@pytest.mark.parametrize(("style", "name"), [("digikam", "a.jpg.xmp"), ("adobe", "a.xmp")])
def test_a_sidecar_is_made_by_style_and_deleted_with_our_tags(style, name, tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, TAGS, style=style))
    assert change.path == tmp_path / name
    assert change.before is None
    assert ("digiKam" in change.after.decode()) == (style == "digikam")
    assert list(read_keywords(picture).machine) == TAGS
    assert plan_tags(picture, TAGS, style=style).after == change.after
    assert applied(plan_removal(picture)).after is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_no_tags_make_no_sidecar(tmp_path):
    picture = make_picture(tmp_path)
    for change in (plan_tags(picture, []), plan_removal(picture)):
        assert change == SidecarChange(tmp_path / "a.jpg.xmp", None, None)
        apply_change(change)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_a_sidecar_of_ours_to_which_a_person_added_stays(tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, [FINCH]))
    change.path.write_bytes(change.after.replace(b"<rdf:li>goldfinch", b"<rdf:li>mine</rdf:li><rdf:li>goldfinch"))
    assert read_keywords(picture).people == (("mine",),)
    assert applied(plan_removal(picture)).after is not None
    assert read_keywords(picture) == ((("mine",),), (), ())
    assert b"goldfinch" not in change.path.read_bytes()


def test_the_sidecar_that_exists_is_changed_that_of_the_whole_name_first(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat")))
    (tmp_path / "a.xmp").write_text(xmp(bag("dc:subject", "dog")))
    other = (tmp_path / "a.xmp").read_bytes()
    assert applied(plan_tags(picture, [FINCH], style="adobe")).path == tmp_path / "a.jpg.xmp"
    assert (tmp_path / "a.xmp").read_bytes() == other
    assert "<rdf:li>dog</rdf:li>" in (tmp_path / "a.jpg.xmp").read_text()  # mirrored into the hierarchical fields
    (tmp_path / "a.jpg.xmp").unlink()
    assert applied(plan_tags(picture, [FINCH])).path == tmp_path / "a.xmp"


def test_a_sidecar_with_our_tags_is_changed_before_one_that_appeared_later(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_tags(picture, [FINCH], style="adobe"))
    (tmp_path / "a.jpg.xmp").write_text(xmp(bag("dc:subject", "cat")))
    assert applied(plan_tags(picture, [FINCH, BAND])).path == tmp_path / "a.xmp"
    assert applied(plan_removal(picture)).after is None
    assert read_keywords(picture) == ((("cat",),), (), ())


def test_hierarchical_fields_that_a_sidecar_lacks_are_not_added_beside_others(tmp_path):
    document = xmp(bag("dc:subject", "tram") + bag("lr:hierarchicalSubject", "city|tram"))
    picture = make_picture(tmp_path, sidecar=document)
    after = applied(plan_tags(picture, [FINCH])).after.decode()
    assert "<rdf:li>animal|bird|goldfinch</rdf:li>" in after
    assert "animal/bird/goldfinch" not in after


def test_keywords_of_persons_are_mirrored_into_the_fields_that_are_written(tmp_path):
    document = xmp(bag("dc:subject", "cat", "AC/DC") + bag("lr:hierarchicalSubject", "city|tram"))
    picture = make_picture(tmp_path, sidecar=document)
    after = applied(plan_tags(picture, [FINCH])).after.decode()
    values = [value for value in ("cat", "AC/DC", "tram", "city|tram") if after.count(f"<rdf:li>{value}</rdf:li>") > 0]
    assert values == ["cat", "AC/DC", "tram", "city|tram"]
    assert after.count("<rdf:li>cat</rdf:li>") == 2
    assert set(read_keywords(picture).people) == {("cat",), ("AC/DC",), ("city", "tram")}
    assert applied(plan_removal(picture)).after.decode() == document


def test_a_mirrored_keyword_is_nobodys_once_the_person_deleted_their_own(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat", "dog")))
    change = applied(plan_tags(picture, [FINCH]))
    change.path.write_bytes(change.after.replace(b"<rdf:li>cat</rdf:li>", b"", 1))
    assert read_keywords(picture).people == (("dog",),)
    assert b">cat<" not in applied(plan_tags(picture, [FINCH])).after


def test_a_mirrored_keyword_that_a_person_changed_is_theirs(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat")))
    change = applied(plan_tags(picture, [FINCH]))
    change.path.write_bytes(re.sub(rb"(<rdf:Seq>\s*<rdf:li>)cat<", rb"\1pet/cat<", change.after))
    applied(plan_removal(picture))
    assert read_keywords(picture).people == (("pet", "cat"),)


def test_a_mirrored_keyword_that_somebody_deleted_from_a_field_is_not_added_to_it_again(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat")))
    change = applied(plan_tags(picture, [FINCH]))
    change.path.write_bytes(re.sub(rb"(<rdf:Seq>)\s*<rdf:li>cat</rdf:li>", rb"\1", change.after))
    for tags in ([FINCH], [FINCH, BAND]):
        after = applied(plan_tags(picture, tags)).after.decode()
        assert after.count("<rdf:li>cat</rdf:li>") == change.after.decode().count("<rdf:li>cat</rdf:li>") - 1 == 3
    assert read_keywords(picture).people == (("cat",),)


def edited(change: SidecarChange, *deleted: str) -> None:
    """Delete values from a sidecar, as a person does."""
    text = change.path.read_text("utf-8")
    for value in deleted:
        assert f"<rdf:li>{value}</rdf:li>" in text
        text = text.replace(f"<rdf:li>{value}</rdf:li>", "")
    change.path.write_text(text, "utf-8")


PATHS = ("animal|bird|goldfinch", "animal/bird/goldfinch")


def test_a_tag_that_is_deleted_from_all_fields_is_withdrawn_and_not_written_again(tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, [FINCH, BAND]))
    edited(change, "goldfinch")
    assert read_keywords(picture) == ((), (FINCH, BAND), ())
    edited(change, *PATHS)
    assert read_keywords(picture) == ((), (BAND,), (FINCH,))
    for tags in ([FINCH, BAND], [BAND], []):
        change = applied(plan_tags(picture, tags))
        assert read_keywords(picture) == ((), tuple(tags[-1:]), (FINCH,))
        assert plan_tags(picture, tags).after == change.after
    assert applied(plan_removal(picture)).after is None
    assert read_keywords(picture) == ((), (), ())


def test_a_value_that_somebody_deleted_from_one_field_is_not_added_to_it_again(tmp_path):
    picture = make_picture(tmp_path)
    edited(applied(plan_tags(picture, [FINCH])), "goldfinch")
    change = applied(plan_tags(picture, [FINCH._replace(probability=0.5)]))
    assert b">goldfinch<" not in change.after
    assert b">animal|bird|goldfinch<" in change.after
    assert read_keywords(picture).machine == (FINCH._replace(probability=0.5),)


@pytest.mark.parametrize("mine", ["Goldfinch", "goldfinch"])
def test_a_withdrawn_tag_that_a_person_added_elsewhere_is_theirs(mine, tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, [FINCH]))
    edited(change, "goldfinch", *PATHS)
    (tmp_path / "a.xmp").write_text(xmp(bag("lr:hierarchicalSubject", f"pet|{mine}")))
    assert read_keywords(picture) == ((("pet", mine),), (), (FINCH,))  # another goldfinch
    (tmp_path / "a.xmp").write_text(xmp(bag("dc:subject", mine)))
    assert read_keywords(picture) == (((mine,),), (), ())
    assert applied(plan_tags(picture, [FINCH])).after is None


def test_a_person_who_adds_a_tag_again_that_they_withdrew_has_it_as_theirs(tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, [FINCH, BAND]))
    edited(change, "goldfinch", *PATHS)
    change = applied(plan_tags(picture, [FINCH, BAND]))
    change.path.write_bytes(change.after.replace(b"<rdf:Bag>", b"<rdf:Bag><rdf:li>goldfinch</rdf:li>", 1))
    assert read_keywords(picture) == ((("goldfinch",),), (BAND,), ())
    applied(plan_removal(picture))
    assert read_keywords(picture).people == (("goldfinch",),)


def test_a_tag_that_a_person_moved_out_of_a_parent_of_ours_is_theirs(tmp_path):
    picture = make_picture(tmp_path)
    ours = tag("auto", *FINCH.keyword)
    change = applied(plan_tags(picture, [ours, BAND]))
    change.path.write_bytes(re.sub(rb"<rdf:li>auto[|/]", b"<rdf:li>", change.after))
    edited(change._replace(after=None), "goldfinch")
    assert read_keywords(picture) == ((FINCH.keyword,), (BAND,), ())


def test_a_tag_that_a_person_set_elsewhere_meanwhile_stays_in_the_fields_until_it_is_removed(tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, [FINCH]))
    (tmp_path / "a.xmp").write_text(xmp(bag("lr:hierarchicalSubject", PATHS[0])))
    assert read_keywords(picture) == ((FINCH.keyword,), (FINCH,), ())
    change = applied(plan_tags(picture, [FINCH]))
    assert b"<rdf:li>animal/bird/goldfinch</rdf:li>" in change.after
    assert read_keywords(picture) == ((FINCH.keyword,), (), ())
    assert plan_tags(picture, [FINCH]).after == change.after
    assert plan_tags(picture, []).after is None
    assert applied(plan_removal(picture)).after is None


@pytest.mark.parametrize("mine", ["goldfinch", "GoldFinch"])
def test_a_tag_that_a_person_set_is_theirs_alone(mine, tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", mine)))
    change = plan_tags(picture, [FINCH])
    assert change.before == change.after
    applied(plan_tags(picture, [FINCH, BAND]))
    assert read_keywords(picture) == (((mine,),), (BAND,), ())


def test_pictures_that_share_a_sidecar_keep_each_others_tags(tmp_path):
    jpeg, raw = make_picture(tmp_path, "a.jpg"), make_picture(tmp_path, "a.nef")
    dog = tag("dog")
    applied(plan_tags(jpeg, [FINCH, BAND], style="adobe"))
    change = applied(plan_tags(raw, [dog, BAND], style="adobe"))
    assert change.path == tmp_path / "a.xmp"
    assert set(read_keywords(jpeg).machine) == set(read_keywords(raw).machine) == {FINCH, BAND, dog}
    for picture, tags in ((jpeg, [FINCH, BAND]), (raw, [dog, BAND])):
        assert plan_tags(picture, tags).after == change.after
    applied(plan_tags(jpeg, []))
    assert set(read_keywords(jpeg).machine) == {dog, BAND}
    assert applied(plan_tags(raw, [])).after is None


def test_a_renamed_picture_takes_its_tags_along(tmp_path):
    picture = make_picture(tmp_path)
    applied(plan_tags(picture, [FINCH], style="adobe"))
    picture = picture.rename(tmp_path / "b.jpg")
    (tmp_path / "a.xmp").rename(tmp_path / "b.xmp")
    applied(plan_tags(picture, [BAND]))
    assert read_keywords(picture).machine == (BAND,)


def test_a_picture_whose_name_is_not_utf8_can_be_tagged(tmp_path):
    picture = tmp_path / os.fsdecode(b"\xff\x01.jpg")
    try:
        picture.write_bytes(JPEG)
    except OSError:
        pytest.skip("a file system that refuses such names")
    change = applied(plan_tags(picture, [FINCH], style="adobe"))
    assert read_keywords(picture).machine == (FINCH,)
    assert "\\udcff" in describe_change(change)
    assert applied(plan_removal(picture)).after is None


def test_links_stay_and_permissions_too(tmp_path):
    picture = make_picture(tmp_path / "pictures")
    elsewhere = tmp_path / "sidecars" / "one.xmp"
    elsewhere.parent.mkdir()
    elsewhere.write_text(xmp(bag("dc:subject", "cat")))
    elsewhere.chmod(0o640)
    link = tmp_path / "pictures" / "a.jpg.xmp"
    link.symlink_to(elsewhere)
    applied(plan_tags(picture, [FINCH]))
    assert link.is_symlink()
    assert b"goldfinch" in elsewhere.read_bytes()
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o640


def test_a_sidecar_that_changed_since_is_not_overwritten(tmp_path):
    picture = make_picture(tmp_path)
    change = plan_tags(picture, [FINCH])
    change.path.write_text(xmp(bag("dc:subject", "cat")))
    with pytest.raises(SidecarError, match="has changed since it was read"):
        apply_change(change)
    removal = plan_removal(picture)._replace(after=None)
    change.path.write_text(xmp(bag("dc:subject", "dog")))
    with pytest.raises(SidecarError, match="has changed since it was read"):
        apply_change(removal)
    assert read_keywords(picture).people == (("dog",),)


def test_a_folder_in_which_nothing_can_be_written_is_an_error_of_the_system(tmp_path, monkeypatch):
    change = plan_tags(make_picture(tmp_path), [FINCH])
    (tmp_path / "a.jpg").rename(tmp_path.parent / "moved.jpg")
    tmp_path.rmdir()
    tmp_path.write_text("a file in its place")
    with pytest.raises(OSError, match=tmp_path.name):
        apply_change(change)


def test_a_read_only_sidecar_is_refused(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(""))
    (tmp_path / "a.jpg.xmp").chmod(0o444)
    with pytest.raises(SidecarError, match="read-only"):
        apply_change(plan_tags(picture, [FINCH]))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (tag(), "a keyword of 0 names"),
        (tag(*"abc" * 11), "a keyword of 33 names"),
        (tag("a", ""), "a name of 0 characters"),
        (tag("a\nb"), "no control characters"),
        (tag("\ud800"), "no control characters"),
        (tag("\ufffe"), "which has a character that XML lacks"),
        (tag(" a"), "no spaces around it"),
        (tag("a", bundle="\0"), "no control characters"),
        (tag("a", probability=1.5), "got the probability 1.5"),
        (tag("a", probability=float("nan")), "got the probability nan"),
    ],
)
def test_a_tag_that_cannot_be_written_is_refused(wrong, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        plan_tags(make_picture(tmp_path), [FINCH, wrong])


def test_a_change_is_described_as_a_diff(tmp_path):
    picture, sidecar = layout(tmp_path, "exiftool.xmp")
    change = plan_tags(picture, [FINCH])
    lines = describe_change(change).splitlines()
    assert lines[:2] == [f"--- {sidecar}", f"+++ {sidecar}"]
    assert "+    <rdf:li>goldfinch</rdf:li>" in lines
    assert not [line for line in lines[2:] if line.startswith("-")]
    assert describe_change(change._replace(after=change.before)) == ""
    assert describe_change(change._replace(before=None)).startswith("--- /dev/null\n")
    deleted = describe_change(change._replace(after=None)).splitlines()
    assert deleted[1] == "+++ /dev/null"
    assert not [line for line in deleted[2:] if line.startswith("+")]


def test_the_layouts_are_those_of_the_cases():
    assert sorted(path.name for path in CASES.glob("*.xmp")) == sorted(LAYOUTS)
