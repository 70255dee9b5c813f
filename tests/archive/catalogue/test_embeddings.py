"""Embeddings are stored once, come back to the last bit, and are computed by one process each."""

import numpy as np
import pytest

from imagetagger.archive.catalogue.embeddings import (
    CLAIM,
    claim_pictures,
    load_embeddings,
    store_embeddings,
    unembedded,
)
from imagetagger.archive.catalogue.reading import FileReading
from imagetagger.archive.catalogue.recording import record_readings
from imagetagger.archive.catalogue.status import catalogue_status
from tests.helpers.cataloguing import SPACE, content_embedding, make_archive, number_picture, scanned


@pytest.fixture
def photos(tmp_path, catalogue):
    folder = make_archive(tmp_path / "photos", 100)
    scanned(catalogue, folder)
    return folder


def store(catalogue, contents, space=SPACE):
    return store_embeddings(catalogue, space, contents, np.array([content_embedding(content) for content in contents]))


def contents_of(pictures):
    return [picture.content for picture in pictures]


def test_each_picture_lacks_an_embedding_once_wherever_its_copies_are(catalogue, photos):
    (photos / "copy.png").write_bytes(number_picture(7))
    scanned(catalogue, photos)
    pictures = unembedded(catalogue, SPACE)
    assert len({picture.content for picture in pictures}) == len(pictures) == 100
    assert [picture.path for picture in pictures] == sorted(picture.path for picture in pictures)
    assert all(picture.path.is_file() for picture in pictures)


def test_embeddings_come_back_to_the_last_bit_by_content(catalogue, photos):
    contents = contents_of(unembedded(catalogue, SPACE))
    assert store(catalogue, contents) == 100
    stored, embeddings = load_embeddings(catalogue, SPACE)
    assert list(stored) == sorted(contents)
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, [content_embedding(content) for content in stored])
    assert unembedded(catalogue, SPACE) == []
    assert len(unembedded(catalogue, "another space")) == 100


def test_an_embedding_that_is_there_stays_and_a_space_has_one_length(catalogue, photos):
    first, *others = contents_of(unembedded(catalogue, SPACE))
    assert store(catalogue, [first]) == 1
    assert store_embeddings(catalogue, SPACE, [first], np.zeros((1, 8), np.float32)) == 0
    np.testing.assert_array_equal(load_embeddings(catalogue, SPACE)[1], [content_embedding(first)])
    with pytest.raises(ValueError, match="got embeddings of 9 features, expected 8, as others of the space space"):
        store_embeddings(catalogue, SPACE, others[:1], np.zeros((1, 9), np.float32))
    assert store_embeddings(catalogue, "another", others[:1], np.zeros((1, 9), np.float32)) == 1
    assert catalogue_status(catalogue).embedded == {"another": 1, SPACE: 1}


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.zeros((2, 8)), r"got embeddings float64 \(2, 8\), expected float32 \(2, D\)"),
        (np.zeros((3, 8), np.float32), r"got embeddings float32 \(3, 8\), expected float32 \(2, D\)"),
        (np.zeros(2, np.float32), r"got embeddings float32 \(2,\), expected float32 \(2, D\)"),
        (np.array([[0], [np.nan]], np.float32), "an embedding that is not finite, of the picture bb"),
    ],
)
def test_numbers_that_are_no_embeddings_are_refused(catalogue, embeddings, message):
    with pytest.raises(ValueError, match=message):
        store_embeddings(catalogue, SPACE, ["aa", "bb"], embeddings)
    assert load_embeddings(catalogue, SPACE)[1].shape == (0, 0)


def test_only_usable_pictures_of_the_folders_that_are_there_are_to_be_embedded(catalogue, photos):
    inside = unembedded(catalogue, SPACE, [photos / "3", photos / "4"])
    assert {picture.path.relative_to(photos).parts[0] for picture in inside} == {"3", "4"}
    broken, gone = inside[:2]
    reading = FileReading(broken.path, 1, 1, broken.content, "corrupt image: the file is truncated")
    assert record_readings(catalogue, [reading]) == ["unchanged"]
    gone.path.unlink()
    scanned(catalogue, photos / "3", photos / "4")
    assert unembedded(catalogue, SPACE, [photos / "3", photos / "4"]) == inside[2:]
    assert catalogue_status(catalogue).problems == 1
    store(catalogue, [broken.content])  # it could be decoded after all
    assert catalogue_status(catalogue).problems == 0


def test_embeddings_of_folders_are_of_pictures_that_are_there(catalogue, photos):
    store(catalogue, contents_of(unembedded(catalogue, SPACE)))
    inside = {*load_embeddings(catalogue, SPACE, [photos / "3"])[0]}
    assert len(inside) == len([*(photos / "3").rglob("*.png")])
    for path in (photos / "3").rglob("*.png"):
        path.unlink()
    scanned(catalogue, photos)
    assert load_embeddings(catalogue, SPACE, [photos / "3"])[1].shape == (0, 8)
    assert len(load_embeddings(catalogue, SPACE)[0]) == 100
    assert len(load_embeddings(catalogue, SPACE, [])[0]) == 100 - len(inside)


def test_two_that_claim_in_turns_share_the_pictures(catalogue, photos):
    pictures = unembedded(catalogue, SPACE)
    sides = [claim_pictures(catalogue, SPACE, pictures) for _ in range(2)]
    claimed: list[list[str]] = [[], []]
    while sides:
        for side, contents in zip(list(sides), claimed, strict=False):
            if (picture := next(side, None)) is None:
                sides.remove(side)
                break
            contents.append(picture.content)
            store(catalogue, [picture.content])
    assert len(claimed[0]) + len(claimed[1]) == 100
    assert {*claimed[0], *claimed[1]} == {*contents_of(pictures)}


def test_what_a_killed_process_claimed_is_embedded_last_without_waiting(catalogue, photos):
    pictures = unembedded(catalogue, SPACE)
    killed = claim_pictures(catalogue, SPACE, pictures)
    next(killed)
    killed.close()
    claimed = [*claim_pictures(catalogue, SPACE, pictures)]
    assert contents_of(claimed) == contents_of(pictures[CLAIM:] + pictures[:CLAIM][::-1])


def test_a_picture_that_cannot_be_embedded_is_claimed_no_more(catalogue, photos):
    pictures = unembedded(catalogue, SPACE)
    first = pictures[0]
    next(claim_pictures(catalogue, SPACE, pictures))
    record_readings(catalogue, [FileReading(first.path, 1, 1, first.content, "corrupt image")])
    assert first not in [*claim_pictures(catalogue, SPACE, pictures)]
