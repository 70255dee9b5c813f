import os
import socket

import pytest

from imagetagger.data.folder_walk import list_folder, walk_folder


def test_what_lies_in_a_folder_is_told_apart_and_sorted(tmp_path):
    for name in ("b.jpg", "a.png", "a.xmp", ".hidden", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "@eaDir").mkdir()
    contents = list_folder(tmp_path)
    assert [path.name for path in contents.folders] == ["folder.jpg"]
    assert [path.name for path in contents.files] == ["a.png", "b.jpg"]
    assert [path.name for path in contents.sidecars] == ["a.xmp"]
    assert [path.name for path in contents.ignored] == [".hidden", "@eaDir", "Thumbs.db"]
    assert contents.repeated == contents.unusable == ()


def test_a_folder_is_read_at_its_own_place_rather_than_behind_a_link(tmp_path):
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a.jpg").touch()
    (tmp_path / "a").symlink_to("z")
    contents = walk_folder(tmp_path)
    assert contents.files == (tmp_path / "z" / "a.jpg",)
    assert contents.repeated == (tmp_path / "a",)


@pytest.mark.parametrize("count", [2, 12])
def test_folders_that_all_link_to_one_another_are_read_once(tmp_path, count):
    for i in range(count):
        (tmp_path / "elsewhere" / str(i)).mkdir(parents=True)
        (tmp_path / "elsewhere" / str(i) / "a.jpg").touch()
        for j in range(count):
            (tmp_path / "elsewhere" / str(i) / f"to {j}").symlink_to(f"../{j}")
    (tmp_path / "tag").mkdir()
    (tmp_path / "tag" / "in").symlink_to("../elsewhere/0")
    assert len(walk_folder(tmp_path / "tag").files) == count


def test_links_to_folders_above_are_not_followed_by_whatever_way_they_were_reached(tmp_path):
    (tmp_path / "real" / "tag").mkdir(parents=True)
    (tmp_path / "real" / "tag" / "a.jpg").touch()
    (tmp_path / "way").symlink_to("real")
    for name, target in (("up", ".."), ("top", tmp_path), ("root", "/"), ("way", tmp_path / "way")):
        (tmp_path / "real" / "tag" / name).symlink_to(target)
    for start in (tmp_path / "real" / "tag", tmp_path / "way" / "tag"):
        contents = walk_folder(start)
        assert contents.files == (start / "a.jpg",)
        assert len(contents.repeated) == 4


def test_links_to_nothing_or_themselves_and_special_files_are_unusable(tmp_path, monkeypatch):
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "gone.mov").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("socket.jpg")
        contents = walk_folder(tmp_path)
    reasons = {one.path.name: one.reason for one in contents.unusable}
    assert reasons.pop("round").startswith("cannot be read: ")
    special = "a pipe, socket or device: expected a file"
    assert reasons == {"gone.jpg": "a link to nowhere, where nothing is", "pipe": special, "socket.jpg": special}
    assert [path.name for path in contents.sidecars] == ["gone.mov"]
