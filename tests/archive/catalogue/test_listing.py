"""Folders have one path each, also on file systems that ignore case."""

from pathlib import Path

from imagetagger.archive.catalogue.files import path_bytes, path_of, path_ranges
from imagetagger.archive.catalogue.listing import list_archive, outermost_folders
from tests.helpers.cataloguing import number_picture


def test_folders_inside_of_others_and_other_spellings_of_a_path_are_left_out(tmp_path, monkeypatch):
    for name in ("a/b", "ab"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    monkeypatch.chdir(tmp_path)
    named = [Path("a"), Path("a/b"), Path("link/b"), Path("ab/../a"), Path("ab")]
    assert outermost_folders(named) == [tmp_path / "a", tmp_path / "ab"]
    assert outermost_folders([Path("/"), tmp_path]) == [Path("/")]
    assert outermost_folders([]) == []


def test_a_folder_is_spelled_as_its_file_system_lists_it(tmp_path, monkeypatch):
    """As on one that ignores case: names of any case are found, and listed in one spelling."""
    (tmp_path / "Photos" / "June").mkdir(parents=True)
    exists, samefile = Path.exists, Path.samefile

    def stored(path):
        spelled = {"photos": "Photos", "june": "June"}
        return Path(*(spelled.get(part.lower(), part) for part in path.parts))

    monkeypatch.setattr(Path, "exists", lambda self: exists(stored(self)))
    monkeypatch.setattr(Path, "samefile", lambda self, other: samefile(stored(self), stored(other)))
    named = [tmp_path / "photos" / "JUNE", tmp_path / "PHOTOS" / "june", tmp_path / "Photos" / "June"]
    assert outermost_folders(named) == [tmp_path / "Photos" / "June"]


def test_names_that_differ_in_case_are_different_where_case_counts(tmp_path):
    for name in ("a", "A"):
        (tmp_path / name).mkdir(exist_ok=True)
    if len([*tmp_path.iterdir()]) == 2:
        assert outermost_folders([tmp_path / "a", tmp_path / "A"]) == [tmp_path / "A", tmp_path / "a"]


def test_pictures_are_listed_by_name_with_size_and_time(tmp_path):
    for name in ("a.png", "b.NEF", "c.png", "c.nef", "d", "e.txt"):
        (tmp_path / name).write_bytes(number_picture(1))
    ((files, unusable),) = list_archive([tmp_path])
    assert [path.name for path in files] == ["a.png", "b.NEF", "c.png"]
    status = (tmp_path / "a.png").stat()
    assert files[tmp_path / "a.png"] == (status.st_size, status.st_mtime_ns)
    assert unusable == ()


def test_a_path_that_is_no_folder_is_unusable(tmp_path):
    (tmp_path / "a.png").write_bytes(number_picture(1))
    paths = [tmp_path / "a.png", tmp_path / "nowhere"]
    assert [one.path for listing in list_archive(paths) for one in listing.unusable] == paths


def test_stored_paths_come_back_and_ranges_hold_what_is_in_a_folder_alone():
    for path in (Path("/a/b"), Path("/caf\udce9")):
        assert path_of(path_bytes(path)) == path
    _, (low, high) = path_ranges([Path("/a")])
    inside = [name for name in (b"/a/b", b"/a/\xff\xff", b"/a", b"/a.b", b"/a0", b"/b") if low <= name < high]
    assert inside == [b"/a/b", b"/a/\xff\xff"]
    _, (low, high) = path_ranges([Path("/")])
    assert low == b"/"
    assert low <= b"/a" < high
