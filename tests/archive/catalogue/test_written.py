"""What was written beside a picture is remembered with it, and what a person withdrew is never forgotten."""

import shutil

import numpy as np
import pytest

from imagetagger.archive.catalogue.status import catalogue_status
from imagetagger.archive.catalogue.written import (
    WrittenTag,
    record_withdrawn,
    record_written,
    withdrawn_keywords,
    written_tags,
)
from tests.helpers.cataloguing import make_archive, number_picture, scanned

DUCK = WrittenTag(("animal", "bird", "duck"), 0.9, "digest", "2026-11-30T10:00:00+00:00")
LAKE = WrittenTag(("lake",), 0.75, "digest", "2026-11-30T10:00:00+00:00")
BAND = WrittenTag(("music", 'AC/DC "live" 🎸'), 0.5, "digest", "2026-11-30T10:00:00+00:00")
LATER = "2026-12-01T10:00:00+00:00"


@pytest.fixture
def picture(tmp_path, catalogue):
    photos = make_archive(tmp_path / "photos", 5)
    scanned(catalogue, photos)
    return next(photos.rglob("3.png"))


def write(catalogue, path, *tags):
    record_written(catalogue, path, [tag[:4] for tag in tags])


def test_the_tags_written_last_are_those_of_a_picture(catalogue, picture):
    write(catalogue, picture, DUCK, LAKE, BAND)
    assert {*written_tags(catalogue, picture)} == {DUCK, LAKE, BAND}
    later = LAKE._replace(probability=0.99, written=LATER)
    write(catalogue, picture, later)
    assert written_tags(catalogue, picture) == [later]
    write(catalogue, picture)
    assert written_tags(catalogue, picture) == []


def test_probabilities_of_numpy_are_numbers(catalogue, picture):
    record_written(catalogue, picture, [(("duck",), np.float32(0.5), "digest", LATER)])
    assert written_tags(catalogue, picture) == [WrittenTag(("duck",), 0.5, "digest", LATER)]


def test_a_withdrawn_tag_is_remembered_when_others_are_written_or_removed(catalogue, picture):
    write(catalogue, picture, DUCK, LAKE)
    record_withdrawn(catalogue, picture, [DUCK.keyword, ("never written",)], LATER)
    write(catalogue, picture)
    assert written_tags(catalogue, picture) == [DUCK._replace(withdrawn=LATER)]
    record_withdrawn(catalogue, picture, [DUCK.keyword], "2027-01-01T00:00:00+00:00")
    assert written_tags(catalogue, picture) == [DUCK._replace(withdrawn=LATER)]
    assert withdrawn_keywords(catalogue, picture) == {DUCK.keyword}


def test_a_tag_that_was_withdrawn_while_it_was_being_written_stays_withdrawn(catalogue, picture):
    write(catalogue, picture, DUCK)
    record_withdrawn(catalogue, picture, [DUCK.keyword], LATER)
    write(catalogue, picture, DUCK)
    assert withdrawn_keywords(catalogue, picture) == {DUCK.keyword}


def test_what_was_written_and_withdrawn_follows_a_picture_that_moves(catalogue, picture, tmp_path):
    write(catalogue, picture, DUCK, LAKE)
    record_withdrawn(catalogue, picture, [LAKE.keyword], LATER)
    moved = picture.with_name("moved.png")
    picture.rename(moved)
    assert scanned(catalogue, tmp_path / "photos").moved == 1
    assert {*written_tags(catalogue, moved)} == {DUCK, LAKE._replace(withdrawn=LATER)}
    assert catalogue_status(catalogue)[5:] == (1, 1, 1)


def test_what_was_withdrawn_beside_one_copy_is_withdrawn_beside_all_and_after_an_edit(catalogue, picture, tmp_path):
    copy = tmp_path / "photos" / "copy.png"
    shutil.copy2(picture, copy)
    scanned(catalogue, tmp_path / "photos")
    write(catalogue, picture, DUCK)
    record_withdrawn(catalogue, picture, [DUCK.keyword], LATER)
    assert withdrawn_keywords(catalogue, copy) == {DUCK.keyword}
    assert written_tags(catalogue, copy) == []
    picture.write_bytes(number_picture(99))
    assert scanned(catalogue, tmp_path / "photos").changed == 1
    assert withdrawn_keywords(catalogue, picture) == {DUCK.keyword}


def test_counts_are_of_the_folders_asked_for(catalogue, picture, tmp_path):
    write(catalogue, picture, DUCK, LAKE)
    assert catalogue_status(catalogue)[5:] == (1, 2, 0)
    assert catalogue_status(catalogue, [picture.parent])[5:] == (1, 2, 0)
    assert catalogue_status(catalogue, [tmp_path / "elsewhere"]) == (0, 0, 0, 0, {}, 0, 0, 0)
