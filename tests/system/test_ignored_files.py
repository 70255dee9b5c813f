import pytest
from PIL import Image

from imagetagger.preprocess.decode import PILLOW_FORMATS
from imagetagger.system.ignored_files import (
    PICTURE_SUFFIXES,
    is_ignored_name,
    is_sidecar,
    is_system_name,
    is_system_path,
    picture_stems,
)

SYSTEM = [
    *("@eaDir", "#recycle", "@Recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information", "found.000"),
    *("__MACOSX", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd", "._cat.jpg", "Icon\r", ".DS_Store"),
    *("lost+found", ".Trash-1000", ".directory", ".nfs000000000123", "Thumbs.db", "desktop.ini", "ehthumbs.db"),
    *(".sync", ".stfolder", ".stversions", ".dropbox", ".dropbox.cache", "~syncthing~a.jpg.tmp", ".~lock.list.csv#"),
    *(".syncthing.a.jpg.tmp", "Picasa.ini", ".picasaoriginals", ".@__thumb", ".nomedia", ".BridgeSort", ".BridgeCache"),
    *("Catalog Previews.lrdata", "lost+found", "__pycache__", "node_modules", "OneDriveTemp", "$WINDOWS.~BT"),
    *("@SynoDrive", "@S2S", "@database", "@appstore", "@sharesnap", "_recycle", "WindowsImageBackup", ":2eDS_Store"),
    *("TheVolumeSettingsFolder", "Photos Library.photoslibrary", "Fotos.photolibrary", "a.aplibrary"),
]
SYSTEM_FILES = [
    "~$list.xlsx",
    "a.jpg.partial",
    "a.jpg.crdownload",
    "a.part",
    "a.!sync",
    "BridgeCache",
    "Icon?",
    "a.png~",
]
SYSTEM_FILES += ["0.png@SynoResource", "1.png@SynoEAStream"]
OTHERS = [
    *("cat", "recycle", "eaDir", "@home", "#1", "$100", "thumbs", "icon", "found.jpg", "party.jpg", "lost and found"),
    *("recycled", "recycler", "temporary items", "network trash folder", "bridge", "trash", "snapshot", "parts"),
    *("recycle bin", "recycle_bin", "library", "photos library", "a~", "2e", "database"),
]


@pytest.mark.parametrize("name", SYSTEM)
def test_what_systems_leave_is_ignored_in_any_case(name):
    assert is_system_name(name)
    assert is_system_name(name.upper())
    assert is_ignored_name(name)
    assert is_system_path(f"a/{name}/b.jpg")
    assert is_ignored_name(name, is_folder=True)


@pytest.mark.parametrize("name", SYSTEM_FILES)
def test_what_only_files_are_called_is_not_ignored_as_a_folder(name):
    assert is_system_name(name.upper())
    assert is_system_path(f"a/{name}")
    assert not is_ignored_name(name, is_folder=True)
    assert not is_system_path(f"a/{name}/b.jpg")


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_kept(name):
    assert not is_ignored_name(name)
    assert not is_system_path(f"a/{name}/b.jpg")


def test_hidden_files_are_ignored_but_not_of_a_system():
    assert is_ignored_name(".git")
    assert not is_system_name(".git")


SIDECARS = [
    *("a.XMP", "a.aae", "a.jpg.json", "a.MOV", "a.mp4", "a.txt", "a.xml", "a.csv", "voice memo.wav", "a.mod"),
    *("metadata.json", "a.jpg.supplemental-metadata.json", "a.jpg.suppl.json", "a.jpg.supplemental-me(1).json"),
    *("PXL_20230101.MP", "PXL_20230101.MP~2", "PXL_20230101.mp~12", "IMG_1.mov~2"),
    *("00000.MPL", "a.MODD", "a.MOI", "00000.CPI", "GOPR0001.LRV", "GOPR0001.THM", "M0100.CTG", "catalog.lrcat"),
]


@pytest.mark.parametrize("name", SIDECARS)
def test_files_that_cameras_and_exports_write_beside_pictures_are_sidecars(name):
    assert is_sidecar(name)


MORE_PICTURES = ["PXL_20230101.MP.jpg", "PXL_20230101.MP~2.jpg", "PXL_20230101.jpg~2", "a.mpo", "metadata.jpg", "mp"]


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.HEIC", "a.avif", "a.nef", "a", "a.picture", "a.svg", "txt", "a.json.jpg", *MORE_PICTURES]
)
def test_files_that_may_be_pictures_are_no_sidecars(name):
    assert not is_sidecar(name)


def test_a_raw_file_is_a_sidecar_of_the_picture_with_its_name():
    stems = picture_stems(["IMG_1.JPG", "IMG_2.NEF", "IMG_3.jpg.xmp"])
    assert stems == {"img_1"}
    assert is_sidecar("img_1.nef", stems)
    assert not is_sidecar("IMG_2.NEF", stems)
    assert not is_sidecar("IMG_1.jpg", stems)


def test_the_suffixes_of_all_formats_that_are_decoded_are_those_of_pictures():
    Image.init()
    of_pillow = {suffix for suffix, name in Image.EXTENSION.items() if name in PILLOW_FORMATS}
    of_heic = {".heic", ".heics", ".heif", ".heifs", ".hif"}  # as pi-heif names them
    assert {".mpo", ".j2c", ".jpx"} < of_pillow
    assert of_pillow | of_heic <= PICTURE_SUFFIXES
