"""What exiftool and exiv2 read is the same before and after, and what they write again still shows what is ours."""

import shutil

import pytest

from imagetagger.archive.keywords import plan_removal, plan_tags, read_keywords
from tests.helpers.sidecars import (
    BAND,
    FINCH,
    LAYOUTS,
    applied,
    bag,
    exiftool_reads,
    exiv2_reads,
    layout,
    make_picture,
    needs_exiftool,
    needs_exiv2,
    run_tool,
    tag,
    xmp,
)

TAGS = [FINCH, BAND, tag("Tiere & Co.", "<Wolf>")]
PROGRAMS = [pytest.param(exiftool_reads, marks=needs_exiftool), pytest.param(exiv2_reads, marks=needs_exiv2)]
every_layout = pytest.mark.parametrize("name", LAYOUTS)
every_program = pytest.mark.parametrize("reads", PROGRAMS)

RATE = {
    "exiftool": ("exiftool", "-q", "-q", "-m", "-overwrite_original", "-XMP-xmp:Rating=2"),
    "exiv2": ("exiv2", "-M", "set Xmp.xmp.Rating 2", "mo"),
}
every_writer = pytest.mark.parametrize(
    "command",
    [pytest.param(RATE["exiftool"], marks=needs_exiftool), pytest.param(RATE["exiv2"], marks=needs_exiv2)],
    ids=["exiftool", "exiv2"],
)
VALUES = {"goldfinch", "animal|bird|goldfinch", "AC/DC", "<Wolf>", "Tiere & Co.|<Wolf>"}


@every_layout
@every_program
def test_other_programs_read_the_same_after_our_tags_are_gone(name, reads, tmp_path):
    picture, sidecar = layout(tmp_path, name)
    before = reads(sidecar)
    assert before
    applied(plan_tags(picture, TAGS))
    assert reads(sidecar) != before
    applied(plan_removal(picture))
    assert reads(sidecar) == before


@needs_exiftool
@every_layout
def test_exiftool_reads_our_tags_beside_all_that_there_was(name, tmp_path):
    picture, sidecar = layout(tmp_path, name)
    before = exiftool_reads(sidecar)
    applied(plan_tags(picture, TAGS))
    after = exiftool_reads(sidecar)
    keywords = {
        key for key in after if key.endswith((":Subject", ":HierarchicalSubject", ":TagsList", ":LastKeywordXMP"))
    }
    others = {key: value for key, value in before.items() if key not in keywords}
    assert others == {key: after[key] for key in others}
    assert set(after) - set(before) - keywords == {"XMP-imagetagger:Marks"}
    for key in keywords:
        assert after[key][: len(before.get(key, []))] == before.get(key, [])
    found = {*after["XMP-dc:Subject"], *after["XMP-lr:HierarchicalSubject"]}
    assert found >= VALUES


@needs_exiv2
def test_exiv2_reads_a_sidecar_that_we_made(tmp_path):
    change = applied(plan_tags(make_picture(tmp_path), TAGS))
    lines = [line.split(maxsplit=3) for line in exiv2_reads(change.path)]
    found = {name: (kind, text) for name, kind, _, text in lines}
    assert found["Xmp.dc.subject"] == ("XmpBag", "goldfinch, AC/DC, <Wolf>")
    assert found["Xmp.digiKam.TagsList"] == ("XmpSeq", "animal/bird/goldfinch, AC\\DC, Tiere & Co./<Wolf>")
    assert found["Xmp.lr.hierarchicalSubject"] == ("XmpBag", "animal|bird|goldfinch, AC/DC, Tiere & Co.|<Wolf>")
    assert found["Xmp.MicrosoftPhoto.LastKeywordXMP"][0] == "XmpBag"


@every_layout
@every_writer
def test_what_another_program_wrote_again_still_shows_what_is_ours(name, command, tmp_path):
    picture, sidecar = layout(tmp_path, name)
    people = set(read_keywords(picture).people)
    expected = shutil.copy(sidecar, tmp_path / "expected.xmp")
    run_tool(*command, expected)
    machine = read_keywords_after(picture)
    run_tool(*command, sidecar)
    found = read_keywords(picture)
    assert (set(found.people), found.machine, found.withdrawn) == (people, machine, ())
    change = plan_tags(picture, TAGS)
    assert change.before == change.after
    applied(plan_removal(picture))
    assert set(read_keywords(picture).people) == people
    reads = exiftool_reads if command[0] == "exiftool" else exiv2_reads
    assert reads(sidecar) == reads(expected)


def read_keywords_after(picture):
    """Our tags, after they are written."""
    applied(plan_tags(picture, TAGS))
    return read_keywords(picture).machine


@every_writer
def test_a_sidecar_of_ours_that_another_program_wrote_again_keeps_what_it_added(command, tmp_path):
    picture = make_picture(tmp_path)
    change = applied(plan_tags(picture, TAGS))
    run_tool(*command, change.path)
    applied(plan_removal(picture))
    text = change.path.read_text("utf-8")
    assert "Rating" in text
    assert "imagetagger:Marks" not in text
    assert "goldfinch" not in text


@needs_exiftool
def test_a_tag_that_is_deleted_with_exiftool_is_withdrawn(tmp_path):
    picture = make_picture(tmp_path, sidecar=xmp(bag("dc:subject", "cat")))
    sidecar = applied(plan_tags(picture, [FINCH, BAND])).path
    fields = ("XMP-dc:Subject", "XMP-lr:HierarchicalSubject", "XMP-digiKam:TagsList", "XMP-microsoft:LastKeywordXMP")
    deleted = [f"-{field}-={value}" for field in fields for value in ("goldfinch", *FINCH_PATHS)]
    run_tool("exiftool", "-q", "-q", "-m", "-overwrite_original", *deleted, sidecar)
    assert read_keywords(picture) == ((("cat",),), (BAND,), (FINCH,))
    applied(plan_tags(picture, [FINCH, BAND]))
    assert "XMP-lr:HierarchicalSubject" in exiftool_reads(sidecar)
    assert "goldfinch" not in exiftool_reads(sidecar)["XMP-dc:Subject"]


FINCH_PATHS = ("animal|bird|goldfinch", "animal/bird/goldfinch")


@needs_exiftool
def test_a_tag_that_a_person_adds_with_exiftool_stays(tmp_path):
    picture = make_picture(tmp_path)
    sidecar = applied(plan_tags(picture, [FINCH])).path
    run_tool("exiftool", "-q", "-q", "-m", "-overwrite_original", "-XMP-dc:Subject+=mine", sidecar)
    applied(plan_tags(picture, [BAND]))
    assert read_keywords(picture) == ((("mine",),), (BAND,), ())
    applied(plan_removal(picture))
    assert exiftool_reads(sidecar)["XMP-dc:Subject"] == ["mine"]
    assert not [key for key in exiftool_reads(sidecar) if key.startswith(("XMP-digiKam", "XMP-lr", "XMP-imagetagger"))]
