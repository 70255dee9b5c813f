import os
import threading
import time
from pathlib import Path

import pytest

from imagetagger.cli.pictures import find_images, map_in_order


@pytest.fixture
def album(tmp_path) -> Path:
    """A folder as people have them."""
    names = ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "Thumbs.db", "trip/c.webp", "trip/day 2/d.heic", "a/z.tiff")
    skipped = ("@eaDir/a.png/SYNOPHOTO_THUMB.jpg", ".thumbnails/a.png", "trip/#recycle/e.jpg", "__MACOSX/a.png")
    for name in (*names, *skipped):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).touch()
    return tmp_path / "album"


def test_pictures_of_a_folder_are_found_at_any_depth_in_order_without_what_is_hidden_or_no_picture(album):
    found = find_images([album])
    listed = [file.relative_to(album).as_posix() for file in found.files]
    assert listed == ["a.png", "b.JPG", "a/z.tiff", "trip/c.webp", "trip/day 2/d.heic"]
    assert found.problems == []


def test_a_path_that_is_no_folder_is_taken_as_it_is_and_the_order_of_paths_is_kept(album):
    paths = [album / "trip", album / "notes.txt", album / ".hidden.jpg", Path("gone.jpg"), album / ".thumbnails"]
    names = [file.name for file in find_images(paths).files]
    assert names == ["c.webp", "d.heic", "notes.txt", ".hidden.jpg", "gone.jpg", "a.png"]


def test_a_folder_without_pictures_is_a_problem(tmp_path, album):
    (tmp_path / "empty").mkdir()
    found = find_images([tmp_path / "empty", album / "a"])
    assert found.problems == [f"{tmp_path / 'empty'}: no pictures in this folder"]
    assert [file.name for file in found.files] == ["z.tiff"]


def test_a_folder_that_links_to_itself_ends(album):
    (album / "trip" / "loop").symlink_to(album)
    assert len(find_images([album]).files) == 5


def test_pictures_behind_links_are_found_once_and_what_cannot_be_read_is_a_problem(tmp_path, album):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "e.jpg").touch()
    for name in ("linked", "linked again"):
        (album / name).symlink_to(tmp_path / "elsewhere")
    (album / "gone.jpg").symlink_to("nowhere")
    (album / "gone.txt").symlink_to("nowhere")
    os.mkfifo(album / "pipe.jpg")
    found = find_images([album])
    assert [file.name for file in found.files] == ["a.png", "b.JPG", "z.tiff", "e.jpg", "c.webp", "d.heic"]
    assert found.problems == [
        f"{album / 'gone.jpg'}: a link to nowhere, where nothing is",
        f"{album / 'pipe.jpg'}: a pipe, socket or device: expected a file",
    ]


def test_a_raw_file_is_a_picture_unless_it_lies_beside_one(tmp_path):
    for name in ("a.NEF", "a.jpg", "b.CR2", "b.xmp", "b.mov"):
        (tmp_path / name).touch()
    assert [file.name for file in find_images([tmp_path]).files] == ["a.jpg", "b.CR2"]


def test_results_come_in_order_as_soon_as_they_are_there_from_several_threads():
    threads, late = set(), threading.Event()

    def work(i: int) -> int:
        threads.add(threading.get_ident())
        if i == 5:
            late.wait(10)
        time.sleep(0.002)
        return i

    results = map_in_order(work, range(40), 3)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]  # the sixth is not waited for
    late.set()
    assert list(results) == list(range(5, 40))
    assert 1 < len(threads) <= 3


def test_who_stops_early_waits_for_no_more_than_what_has_begun():
    done = []
    results = map_in_order(done.append, range(1000), 2)
    next(results)
    results.close()
    assert len(done) < 20


def test_an_error_of_the_function_is_raised_where_its_result_was_wanted():
    results = map_in_order(lambda i: 1 // (i - 2), range(9), 2)
    assert (next(results), next(results)) == (-1, -1)
    with pytest.raises(ZeroDivisionError):
        next(results)
