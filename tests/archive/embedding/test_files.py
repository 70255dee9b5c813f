"""Embedding files: the same numbers as the bundle's, each file once, whatever is wrong with some of them."""

import itertools
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagetagger.archive.catalogue.content import content_id
from imagetagger.archive.embedding.embed import archive_space, embed_file, load_embedder
from imagetagger.archive.embedding.files import embed_files
from imagetagger.bundle.executor import embed_image, load_executor
from imagetagger.bundle.reader import read_bundle
from imagetagger.bundle.strict_json import BundleError
from imagetagger.everyday import everyday_bundle
from imagetagger.preprocess import preprocess, preprocess_scaled
from tests.helpers.pictures import encode, noisy
from tests.helpers.raws import Preview, make_dng

BUNDLE = read_bundle(everyday_bundle())
MANIFEST, CONTRACT = BUNDLE.manifest, BUNDLE.manifest.image


@pytest.fixture(scope="module")
def executor():
    return load_executor(BUNDLE.files["model.tflite"], MANIFEST)


@pytest.fixture
def pictures(tmp_path):
    """Six JPEGs, large enough to be scaled, in two folders."""
    paths = [tmp_path / folder / f"{i}.jpg" for folder in ("a", "b") for i in range(3)]
    for i, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        noisy((40 * i, 200 - 30 * i, 90), i, (1200, 900)).save(path, quality=90)
    return paths


@pytest.mark.parametrize("exact", [False, True])
def test_every_file_gets_the_embedding_of_its_pixels_and_its_content_id(exact, executor, pictures):
    embedded = {file.path: file for file in embed_files(pictures, exact=exact, workers=2)}
    assert set(embedded) == set(pictures)
    crop = preprocess if exact else preprocess_scaled
    for path, file in embedded.items():
        assert file.problem is None
        assert (file.size, file.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
        assert file.content == content_id(path.read_bytes())
        assert file.embedding.dtype == np.float32
        np.testing.assert_array_equal(file.embedding, embed_image(executor, crop(path, CONTRACT.size)))


def test_scaled_pictures_have_an_embedding_space_of_their_own(pictures):
    scaled, exact = (next(embed_files(pictures[:1], exact=exact)).embedding for exact in (False, True))
    assert not np.array_equal(scaled, exact)
    assert archive_space(MANIFEST, exact=True) == MANIFEST.embedding_space
    assert archive_space(MANIFEST) == f"{MANIFEST.embedding_space}/square-bilinear-hv/1+jpeg-scaled/2"


BAD = {
    "empty.jpg": (b"", "empty file"),
    "text.jpg": (b"Not a picture at all.\n" * 100, "not a picture"),
    "film.jpg": (b"\0\0\0\x18ftypmp42" + bytes(5000), "a video, not a picture"),
    "truncated.jpg": (encode(noisy((9, 9, 9), 0), "JPEG")[:-200], "corrupt image"),
    "large.png": (encode(Image.new("1", (10_100, 10_100))), "more than the limit of 100,000,000"),
}


def test_bad_files_are_results_with_a_problem(pictures, tmp_path):
    for name, (data, _) in BAD.items():
        (tmp_path / name).write_bytes(data)
    bad = {tmp_path / name: problem for name, (_, problem) in BAD.items()}
    unread = {
        tmp_path / "missing.jpg": "cannot be read: No such file",
        tmp_path / "a": "cannot be read: Is a directory",
    }
    if sys.platform == "win32":
        unread[tmp_path / "a"] = "cannot be read"
    embedded = {file.path: file for file in embed_files([*bad, *pictures, *unread], workers=2)}
    assert len(embedded) == len(bad) + len(pictures) + len(unread)
    for path, problem in (bad | unread).items():
        assert problem in embedded[path].problem
        assert embedded[path].embedding is None
        assert (embedded[path].size is None) == (path in unread)
    assert {path.name for path in bad if embedded[path].content is None} == {"empty.jpg", "text.jpg", "film.jpg"}
    assert all(embedded[path].embedding.shape == (MANIFEST.model.features,) for path in pictures)


@pytest.mark.parametrize("error", [MemoryError(), ValueError("odd")])
def test_no_error_of_one_file_is_an_exception(error, executor, pictures, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr("imagetagger.archive.embedding.embed.content_id", fail)
    file = embed_file(pictures[0], executor, CONTRACT, exact=False)
    assert file.problem.startswith(f"cannot be embedded: {type(error).__name__}")
    assert file.size == pictures[0].stat().st_size


def test_a_file_is_opened_once(executor, pictures, monkeypatch):
    opened, path_open = [], Path.open

    def counted(path, *arguments, **options):
        opened.append(path)
        return path_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    assert embed_file(pictures[0], executor, CONTRACT, exact=False).problem is None
    assert opened == [pictures[0]]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_worker_that_is_killed_costs_one_picture(pictures, tmp_path):
    endless = tmp_path / "endless.jpg"
    os.mkfifo(endless)  # opening it waits for a writer
    results = embed_files([*pictures, endless], workers=2)
    embedded = {file.path: file for file in itertools.islice(results, len(pictures))}
    assert set(embedded) == set(pictures)
    assert not any(file.problem for file in embedded.values())
    for process in multiprocessing.active_children():
        process.kill()
    problem = "its process was killed by SIGKILL, perhaps for want of memory: embed it again with fewer workers"
    assert list(results) == [(endless, None, None, None, None, problem)]


def test_names_that_are_not_utf_8_are_read(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff \n.jpg")
    try:
        path.write_bytes(encode(noisy((9, 90, 9), 0), "JPEG"))
    except OSError:
        pytest.skip("this file system has only names of UTF-8")
    (file,) = embed_files([path])
    assert file.path == path
    assert file.problem is None


def test_a_bad_bundle_is_an_error_before_any_file_is_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        embed_files([], tmp_path / "none")
    (tmp_path / "bundle.zip").write_bytes(b"PK")
    with pytest.raises(BundleError):
        embed_files([], tmp_path / "bundle.zip")


def test_a_bundle_that_is_replaced_meanwhile_is_refused():
    with pytest.raises(BundleError, match="was replaced by another bundle"):
        load_embedder(everyday_bundle(), "0" * 64, exact=False)


def test_a_camera_raw_file_has_the_embedding_of_its_preview(executor, tmp_path):
    jpeg = encode(noisy((200, 90, 40), 0, (1200, 900)), "JPEG")
    path, damaged = tmp_path / "a.DNG", tmp_path / "b.dng"
    path.write_bytes(make_dng(Preview(jpeg, 1200, 900)))
    damaged.write_bytes(path.read_bytes()[:-500])
    for exact, crop in ((True, preprocess), (False, preprocess_scaled)):
        file = embed_file(path, executor, CONTRACT, exact=exact)
        assert (file.problem, file.content) == (None, content_id(path.read_bytes()))
        np.testing.assert_array_equal(file.embedding, embed_image(executor, crop(jpeg, CONTRACT.size)))
    assert "cut off or damaged" in embed_file(damaged, executor, CONTRACT, exact=False).problem


def test_without_the_package_that_reads_raw_files_they_are_read_again_later(executor, tmp_path, monkeypatch):
    path = tmp_path / "a.dng"
    path.write_bytes(make_dng(Preview(encode(noisy((200, 90, 40), 0), "JPEG"), 64, 48)))
    monkeypatch.setitem(sys.modules, "rawpy", None)
    file = embed_file(path, executor, CONTRACT, exact=False)
    assert "imagetagger[raw]" in file.problem
    assert (file.mtime_ns, file.content) == (None, None)
