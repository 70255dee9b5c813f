"""The fingerprint of a tagging has all that it depends on, also changes that follow one another at once."""

import hashlib
import shutil

import numpy as np
import pytest

from imagetagger.archive.catalogue.database import open_catalogue
from imagetagger.archive.catalogue.embeddings import store_embeddings
from imagetagger.archive.catalogue.files import list_files
from imagetagger.archive.keywords import SidecarChange
from imagetagger.archive.unchanged import (
    FileLook,
    WrittenSidecar,
    fingerprint,
    is_as_left,
    look_at_files,
    settled_at,
    tagging_basis,
    written_sidecar,
)
from tests.helpers.cataloguing import SPACE, make_archive, scanned
from tests.helpers.sidecars import make_picture

LONG_AGO = 10**18
LOOK = FileLook(1, 2, LONG_AGO, LONG_AGO)


@pytest.mark.parametrize("field", ["inode", "size", "mtime_ns", "ctime_ns"])
def test_a_fingerprint_has_the_state_of_each_file(tmp_path, field):
    paths = [tmp_path / "a.jpg", tmp_path / "a.jpg.xmp"]
    before = dict.fromkeys(paths, LOOK)
    for path in paths:
        after = before | {path: LOOK._replace(**{field: 3})}
        assert fingerprint("basis", before, 2 * LONG_AGO) != fingerprint("basis", after, 2 * LONG_AGO)
    assert fingerprint("basis", before, LONG_AGO) != fingerprint("other", before, LONG_AGO)
    assert fingerprint("basis", before, LONG_AGO) != fingerprint("basis", {paths[0]: LOOK}, LONG_AGO)


def test_of_files_that_changed_just_now_it_has_the_contents_too(tmp_path):
    path = tmp_path / "a.jpg.xmp"
    looks = [{path: LOOK._replace(digest=digest)} for digest in ("a", "b")]
    unsettled, settled = ([fingerprint("basis", look, at) for look in looks] for at in (LONG_AGO - 1, LONG_AGO))
    assert len({*unsettled}) == 2
    assert len({*settled}) == 1


def test_contents_are_read_where_the_time_may_not_show_the_next_change(tmp_path):
    picture = make_picture(tmp_path, sidecar="x")
    sidecar = tmp_path / "a.jpg.xmp"
    changed = max(path.stat().st_ctime_ns for path in (picture, sidecar))
    digest = hashlib.sha256(b"x").hexdigest()
    assert [look.digest for look in look_at_files([picture], changed).values()] == [None, None]
    assert look_at_files([picture], settled_at(changed))[sidecar].digest == digest
    looks = look_at_files([picture], changed, read_sidecars=True)
    assert (looks[picture].digest, looks[sidecar].digest) == (None, digest)


def test_files_and_folders_that_are_not_there_are_left_out(tmp_path):
    picture = make_picture(tmp_path / "there")
    assert [*look_at_files([picture, tmp_path / "gone" / "b.jpg", tmp_path / "there" / "c.jpg"], 0)] == [picture]


def sidecar_change(path, before, after):
    return written_sidecar(SidecarChange(path, before, after))


def test_files_are_as_left_if_only_tagging_changed_sidecars(tmp_path):
    picture, new, old = tmp_path / "a.jpg", tmp_path / "a.jpg.xmp", tmp_path / "a.xmp"
    gone = tmp_path / "b.xmp"
    digests = {data: hashlib.sha256(data).hexdigest() for data in (b"1", b"2", b"3")}

    def sidecar(data, inode=1):
        return LOOK._replace(inode=inode, digest=digests[data])

    before = {picture: LOOK, old: sidecar(b"1"), gone: sidecar(b"3")}
    after = {picture: LOOK, old: sidecar(b"3", inode=5), new: sidecar(b"2")}
    written = [
        sidecar_change(old, b"1", b"2"),
        sidecar_change(new, None, b"2"),
        sidecar_change(old, b"2", b"3"),
        sidecar_change(gone, b"3", None),
    ]
    assert is_as_left(before, after, written)
    assert is_as_left(before, before, [])
    for changed in (
        after | {picture: LOOK._replace(ctime_ns=1)},
        after | {old: sidecar(b"2")},
        after | {gone: sidecar(b"3")},
        after | {tmp_path / "c.xmp": LOOK},
        {path: look for path, look in after.items() if path != new},
        {path: look for path, look in after.items() if path != picture},
    ):
        assert not is_as_left(before, changed, written)
    assert not is_as_left(before, after, written[:3])
    assert not is_as_left(before | {old: sidecar(b"3")}, after, written)
    assert not is_as_left(before, after, [WrittenSidecar(old, digests[b"2"], digests[b"3"]), *written[1:]])


def test_the_basis_has_settings_files_and_embeddings(tmp_path):
    photos = make_archive(tmp_path / "photos", 3)
    with open_catalogue(tmp_path / "archive.sqlite") as catalogue:
        scanned(catalogue, photos)

        def basis(space=SPACE, **settings):
            files = list_files(catalogue, [photos])
            return tagging_basis(catalogue, space, [photos], files, {"all": False, "under": []} | settings)

        found = [basis(), basis("other"), basis(all=True), basis(under=["auto"])]
        content = next(file.content for file in list_files(catalogue))
        store_embeddings(catalogue, SPACE, [content], np.ones((1, 8), np.float32))
        found.append(basis())
        shutil.copy(next(photos.rglob("*.png")), photos / "copy.png")
        scanned(catalogue, photos)
        found.append(basis())
        (photos / "copy.png").write_bytes(b"broken")
        scanned(catalogue, photos)
        found.append(basis())
        assert len({*found}) == len(found)
        assert basis() == basis() == found[-1]
