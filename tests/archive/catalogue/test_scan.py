"""A scan finds out what became of files, opens only those that changed, and forgets nothing that is gone."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from imagetagger.archive.catalogue.files import forget_problems, list_files
from imagetagger.archive.catalogue.reading import read_file
from imagetagger.archive.catalogue.scan import ScanReport, scan
from imagetagger.archive.catalogue.status import catalogue_status
from tests.helpers.cataloguing import make_archive, number_picture, scanned


@pytest.fixture
def photos(tmp_path):
    return make_archive(tmp_path / "photos", 40)


def paths(catalogue, *folders):
    return {file.path for file in list_files(catalogue, folders)}


opened: list[str] = []
"""Files that were opened in folders called photos, while a test counts them."""


def note_open(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and f"{os.sep}photos{os.sep}" in arguments[0]:
        opened.append(arguments[0])


sys.addaudithook(note_open)


def test_a_first_scan_reads_each_picture_once_and_a_second_opens_no_file(catalogue, photos):
    (photos / "README").write_text("no picture")
    (photos / "no suffix").write_bytes(number_picture(1000))
    opened.clear()
    assert scanned(catalogue, photos) == ScanReport(new=40)
    assert len(opened) == len(set(opened)) == 40
    opened.clear()
    assert scanned(catalogue, photos) == ScanReport(unchanged=40)
    assert opened == []


def test_progress_counts_down_what_is_to_be_read(catalogue, photos):
    reports = [*scan(catalogue, [photos])]
    unread = [report.unread for report in reports]
    listed = unread.index(40)
    assert unread[:listed] == sorted(unread[:listed])
    assert unread[listed:] == sorted(unread[listed:], reverse=True)
    assert len(set(unread[listed:])) == 3  # two batches
    assert all(report.unread + report.new == 40 for report in reports[listed:])


def test_changed_moved_renamed_copied_and_deleted_pictures_are_distinguished(catalogue, photos):
    scanned(catalogue, photos)
    names = {path.name: path for path in photos.rglob("*.png")}
    names["0.png"].write_bytes(number_picture(500))
    names["1.png"].rename(names["1.png"].with_name("renamed.png"))
    (photos / "elsewhere").mkdir()
    names["2.png"].rename(photos / "elsewhere" / "2.png")
    shutil.copy2(names["3.png"], photos / "copy.png")
    names["4.png"].unlink()
    assert scanned(catalogue, photos) == ScanReport(changed=1, moved=2, new=1, gone=1, unchanged=36)
    assert paths(catalogue) == {*photos.rglob("*.png")}
    assert scanned(catalogue, photos) == ScanReport(unchanged=40)


def test_a_file_that_only_got_another_time_is_read_and_unchanged(catalogue, photos):
    scanned(catalogue, photos)
    for path in photos.rglob("*.png"):
        os.utime(path, ns=(0, 12345))
    opened.clear()
    assert scanned(catalogue, photos) == ScanReport(unchanged=40)
    assert len(opened) == 40


def test_a_missing_disk_makes_its_pictures_gone_and_its_return_reads_none(catalogue, photos, tmp_path):
    scanned(catalogue, photos)
    photos.rename(tmp_path / "unplugged")
    report = scanned(catalogue, photos)
    assert report.gone == 40
    assert [problem.path for problem in report.problems] == [photos]
    assert catalogue_status(catalogue)[:4] == (0, 0, 0, 40)
    assert scanned(catalogue, photos).gone == 0
    (tmp_path / "unplugged").rename(photos)
    opened.clear()
    assert scanned(catalogue, photos) == ScanReport(unchanged=40)
    assert opened == []
    assert catalogue_status(catalogue)[:4] == (40, 40, 0, 0)


def test_a_picture_that_moves_from_a_folder_that_is_not_scanned_was_moved(catalogue, photos, tmp_path):
    scanned(catalogue, photos)
    source = next(photos.rglob("7.png"))
    other = tmp_path / "other" / "7.png"
    other.parent.mkdir()
    shutil.copy2(source, other)
    assert scanned(catalogue, other.parent) == ScanReport(new=1)
    other.unlink()
    assert scanned(catalogue, other.parent) == ScanReport()  # the picture is still in photos
    source.rename(other.with_name("new name.png"))
    assert scanned(catalogue, other.parent) == ScanReport(moved=1)
    assert source not in paths(catalogue)


def test_a_scan_of_one_folder_leaves_others_alone(catalogue, photos, tmp_path):
    sibling = make_archive(tmp_path / "photos2", 3, start=700)
    scanned(catalogue, photos, sibling)
    shutil.rmtree(sibling)
    assert scanned(catalogue, photos) == ScanReport(unchanged=40)
    assert len(paths(catalogue)) == 43
    assert len(paths(catalogue, photos)) == 40
    assert scanned(catalogue, sibling).gone == 3


def test_a_scan_of_no_folders_changes_nothing(catalogue, photos):
    scanned(catalogue, photos)
    assert scanned(catalogue) == ScanReport()
    assert len(paths(catalogue)) == 40


def test_folders_are_counted_once_however_they_are_named(catalogue, photos, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.chdir(photos)
    inner = next(path for path in photos.iterdir() if path.is_dir())
    every_name = [Path(), photos, inner, tmp_path / "link", photos / ".." / "photos"]
    assert scanned(catalogue, *every_name) == ScanReport(new=40)
    assert len(paths(catalogue, Path())) == len(paths(catalogue, *every_name)) == 40


def test_links_in_circles_hidden_files_and_sidecars_are_left_out(catalogue, photos):
    (photos / "up").symlink_to("..")
    (photos / "round.jpg").symlink_to("round.jpg")
    (photos / "@eaDir").mkdir()
    for name in (".hidden.png", "@eaDir/thumb.png", "a.xmp", "Thumbs.db"):
        (photos / name).write_bytes(number_picture(900))
    report = scanned(catalogue, photos)
    assert report[:6] == (0, 40, 0, 0, 0, 0)
    assert [problem.path.name for problem in report.problems] == ["round.jpg"]


ODD_NAMES = [b"caf\xe9.png", b"\xff\xfe.png", b"a\nline.png", b"'; DROP TABLE files.png", "🦆.png".encode(), b"%?*.png"]


@pytest.mark.skipif(sys.platform == "darwin", reason="APFS refuses names that are not UTF-8")
def test_names_that_are_no_text_are_known_again(catalogue, tmp_path):
    top = tmp_path / "photos" / os.fsdecode(b"odd\xe9")
    top.mkdir(parents=True)
    for number, name in enumerate(ODD_NAMES):
        (top / os.fsdecode(name)).write_bytes(number_picture(number))
    assert scanned(catalogue, top) == ScanReport(new=len(ODD_NAMES))
    assert scanned(catalogue, top) == ScanReport(unchanged=len(ODD_NAMES))
    assert {os.fsencode(path.name) for path in paths(catalogue, top)} == set(ODD_NAMES)


def test_files_that_cannot_be_used_are_reported_once_and_read_again_on_request(catalogue, photos):
    (photos / "text.jpg").write_text("no picture")
    (photos / "drawing.jpg").write_bytes(b"%!PS-Adobe")
    (photos / "empty.png").touch()
    report = scanned(catalogue, photos)
    assert {problem.path.name: problem.reason for problem in report.problems} == {
        "text.jpg": "not a picture",
        "drawing.jpg": "an EPS drawing, which is not read: it is a program. Save it as PNG",
        "empty.png": "empty file",
    }
    opened.clear()
    assert scanned(catalogue, photos) == ScanReport(unchanged=43)
    assert opened == []
    assert catalogue_status(catalogue).problems == 3
    assert forget_problems(catalogue) == 3
    assert len(scanned(catalogue, photos).problems) == 3


def test_a_file_that_cannot_be_read_now_is_read_by_the_next_scan(catalogue, photos, monkeypatch):
    path = next(photos.rglob("5.png"))
    open_plainly = Path.open

    def refuse(self, *arguments, **options):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return open_plainly(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        report = scanned(catalogue, photos)
    assert [tuple(problem) for problem in report.problems] == [(path, "cannot be read: Permission denied")]
    assert scanned(catalogue, photos) == ScanReport(new=1, unchanged=39)


def test_what_is_in_a_folder_that_cannot_be_read_is_not_gone(catalogue, photos, monkeypatch):
    scanned(catalogue, photos)
    locked = photos / "3"
    list_plainly = Path.iterdir

    def refuse(self):
        if self == locked:
            raise PermissionError(13, "Permission denied")
        return list_plainly(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        report = scanned(catalogue, photos)
    assert [problem.path for problem in report.problems] == [locked]
    assert report.gone == 0
    assert len(paths(catalogue)) == 40


def test_a_scan_writes_nothing_into_the_folders(catalogue, photos):
    before = {path: path.stat().st_mtime_ns for path in [photos, *photos.rglob("*")]}
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        scanned(catalogue, photos)
        assert {path: path.stat().st_mtime_ns for path in [photos, *photos.rglob("*")]} == before
    finally:
        for path in before:
            path.chmod(0o755)


def test_a_file_that_is_written_while_it_is_read_is_read_again(catalogue, photos):
    path = next(photos.rglob("5.png"))

    def read_and_change(which):
        reading = read_file(which)
        if which == path:
            which.write_bytes(number_picture(5000))
        return reading

    assert [*scan(catalogue, [photos], read=read_and_change)][-1] == ScanReport(new=40)
    assert scanned(catalogue, photos) == ScanReport(changed=1, unchanged=39)


def test_times_beyond_sqlites_integers_are_known_again(catalogue, photos):
    path = next(photos.rglob("5.png"))
    try:
        os.utime(path, (15_000_000_000, 15_000_000_000))
    except OSError:
        pytest.skip("this file system knows no time after 2262")
    assert scanned(catalogue, photos) == ScanReport(new=40)
    assert scanned(catalogue, photos) == ScanReport(unchanged=40)


@pytest.mark.slow
def test_a_second_pass_over_10_000_pictures_takes_under_5_seconds(catalogue, tmp_path):
    photos = make_archive(tmp_path / "photos", 10_000)
    assert scanned(catalogue, photos).new == 10_000
    begun = time.process_time()
    assert scanned(catalogue, photos) == ScanReport(unchanged=10_000)
    assert time.process_time() - begun < 5


def test_camera_raw_files_are_counted_and_left_out_until_they_are_asked_for(catalogue, photos):
    for name in ("b.NEF", "c.dng"):
        (photos / name).write_bytes(name.encode())
    beside = next(photos.rglob("5.png")).with_suffix(".cr2")
    beside.write_bytes(b"the same photograph")
    opened.clear()
    assert scanned(catalogue, photos) == ScanReport(new=40, raw_left_out=2)
    assert not any(path.endswith((".NEF", ".dng", ".cr2")) for path in opened)
    assert [*scan(catalogue, [photos], raw=True)][-1] == ScanReport(new=2, unchanged=40, raw=2)
    assert paths(catalogue) >= {photos / "b.NEF", photos / "c.dng"}
    assert beside not in paths(catalogue)


def test_camera_raw_files_that_were_asked_for_once_stay(catalogue, photos):
    (photos / "b.NEF").write_bytes(b"one")
    _ = [*scan(catalogue, [photos], raw=True)]
    (photos / "c.NEF").write_bytes(b"another")
    assert scanned(catalogue, photos) == ScanReport(unchanged=41, raw=1, raw_left_out=1)
    (photos / "b.NEF").write_bytes(b"edited")
    assert scanned(catalogue, photos) == ScanReport(changed=1, unchanged=40, raw=1, raw_left_out=1)
    (photos / "b.NEF").unlink()
    assert scanned(catalogue, photos) == ScanReport(unchanged=40, raw_left_out=1, gone=1)
