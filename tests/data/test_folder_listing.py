"""Layouts of folders as people and data sets have them: tags, splits, splits within tags, and what is refused."""

import itertools
import logging
import os
from pathlib import Path

import pytest

from imagetagger.data.dataset import Dataset
from imagetagger.data.folder import load_folder
from tests.helpers.cases import copy_case
from tests.helpers.pictures import picture

TAGS = ("balloon", "boat")


def make(root: Path, *patterns: str, count: int = 2) -> Path:
    """Make files from patterns such as "{train,val}/{cat,dog}/": `count` pictures in a folder, no two alike."""
    numbers = itertools.count(sum(1 for file in root.rglob("*") if file.is_file()) if root.exists() else 0)
    for pattern in patterns:
        for name in expand(pattern):
            files = [f"{name}{i}.jpg" for i in range(count)] if name.endswith("/") else [name]
            for file in files:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                (root / file).write_bytes(f"{root} {next(numbers)}".encode())
    return root


def expand(pattern: str) -> list[str]:
    """Return what a pattern with braces stands for, as in a shell."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    options, _, after = rest.partition("}")
    return [before + option + end for option in options.split(",") for end in expand(after)]


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    train, validation, test = (len(s.keys) if s else 0 for s in (dataset.train, dataset.validation, dataset.test))
    return train, validation, test


def names(dataset: Dataset) -> list[str]:
    return [tag.name for tag in dataset.tags]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["{train,val}/{balloon,boat}/"], (4, 4, 0)),
        (["{Training,Testing}/{balloon,boat}/"], (4, 0, 4)),
        (["{TRAIN,VALIDATION,TEST}/{balloon,boat}/"], (4, 4, 4)),
        (["{seg_train/seg_train,seg_test/seg_test}/{balloon,boat}/", "seg_pred/seg_pred/"], (4, 0, 4)),
        (["{Train_Images,Test_Images}/{balloon,boat}/"], (4, 0, 4)),
        (["{images_train,images_val}/{balloon,boat}/"], (4, 4, 0)),
        (["{TrainSet,DevSet}/{balloon,boat}/"], (4, 4, 0)),
        (["{trainset,testset}/{balloon,boat}/"], (4, 0, 4)),
        (["{training_data,holdout}/{balloon,boat}/"], (4, 0, 4)),
        (["{train,hold-out}/{balloon,boat}/"], (4, 0, 4)),
        (["{train,eval}/{balloon,boat}/", "notes/readme.txt"], (4, 4, 0)),
        (["{train_val_images,test_images}/{balloon,boat}/"], (4, 0, 4)),
        (["{trainvaltest,unseen}/{balloon,boat}/"], (4, 0, 4)),
        (["{train,valid,test}/images/{balloon,boat}/"], (4, 4, 4)),
        (["{flowers_train,flowers_test}/{balloon,boat}/"], (4, 0, 4)),
        (["{train-v2,dev-v2}/{balloon,boat}/"], (4, 4, 0)),
        (["{01_train,02_val}/{balloon,boat}/"], (4, 4, 0)),
        (["dataset/{train,test}/{balloon,boat}/"], (4, 0, 4)),
        (["archive/dataset/{train,test}/{balloon,boat}/", "archive/labels.csv"], (4, 0, 4)),
        (["{train,val}/{balloon,boat}/", "__MACOSX/train/._0.jpg", "{pred,extra}/"], (4, 4, 0)),
        (["train/{balloon,boat}/", "val/{Balloon,BOAT}/"], (4, 4, 0)),
        (["{balloon,boat}/{train,test}/"], (4, 0, 4)),
        (["{balloon,boat}/{Training,Validation}/deeper/"], (4, 4, 0)),
        (["images/{train,val}/{balloon,boat}/", "labels/{train,val}/{0,1}.txt"], (4, 4, 0)),
        (["train/{balloon,boat}/"], (4, 0, 0)),
        (["train/{balloon,boat}/", "test/readme.txt"], (4, 0, 0)),
        (["set/{train,test}/{balloon,boat}/", "docs/readme.md"], (4, 0, 4)),
    ],
)
def test_splits_under_any_usual_name_are_used_as_given(tmp_path, patterns, expected):
    dataset = load_folder(make(tmp_path / "d", *patterns))
    assert names(dataset) == list(TAGS)
    assert sizes(dataset) == expected
    for split in filter(None, (dataset.train, dataset.validation, dataset.test)):
        for i, key in enumerate(split.keys):
            assert dataset.tags[split.labels[i, 0]].name in key.lower().split("/")


@pytest.mark.parametrize(
    "patterns",
    [
        ["{cat,dog}/"],
        ["data/{cat,dog}/"],
        ["data/data/{cat,dog}/"],
        ["{cat,dog}/raw/"],
        ["{cat,dog}/{raw,edited}/"],
        ["{cat,dog}/{2023,2024}/"],
        ["{cat,dog}/{2023-05-01,2023-05-02}/"],
        ["{cat,dog}/{1,2,3}/"],
        ["{cat,dog}/{indoor,outdoor}/"],
        ["{cat,dog}/{100APPLE,101APPLE}/"],
        ["{cat,dog}/{Day 1,Day 2}/"],
        ["cat/", "dog/{garden,kitchen}/"],
        ["cat/{tabby,siamese}/", "dog/{poodle,husky}/"],
        ["cat/{home,work,beach,alps,rome}/", "dog/{beach,oslo,bern,graz}/"],
        ["{cat,dog}/{beach,home}/", "{cat,dog}/loose.jpg"],
        ["{cat,dog}/more/even/deeper/"],
        ["{cat,dog}/{good,bad}/"],
    ],
)
def test_folders_below_those_of_tags_are_no_tags(tmp_path, patterns):
    assert names(load_folder(make(tmp_path / "d", *patterns))) == ["cat", "dog"]


@pytest.mark.parametrize(
    "tags", [["blood test", "rapid test", "train station"], ["mask", "helmet"], ["unlabeled", "cat"], ["label", "toy"]]
)
def test_tags_with_words_of_other_folders_in_their_names_are_tags(tmp_path, tags):
    make(tmp_path, *(f"{tag}/" for tag in tags))
    assert names(load_folder(tmp_path)) == sorted(tags)


def test_many_tags_of_which_two_hold_equal_names_are_tags(tmp_path):
    make(tmp_path, "{cats,dogs}/{black,white}/", "{a,b,c,d}/")
    assert names(load_folder(tmp_path)) == ["a", "b", "c", "cats", "d", "dogs"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["{cameraA,cameraB}/{cat,dog}/"], "cameraA, cameraB hold sub-folders of equal names (cat, dog)"),
        (["{2023,2024}/{Beach,Home}/"], "2023, 2024 hold sub-folders of equal names (Beach, Home)"),
        (["2023/{Beach,Home}/", "2024/{Beach,Alps}/"], "2023, 2024 hold sub-folders of equal names (Beach)"),
        (["{fold1,fold2,fold3}/{cat,dog}/"], "fold1, fold2, fold3 hold"),
        (["{part_a,part_b}/{0,1,2}/"], "part_a, part_b hold sub-folders of equal names (0, 1, 2)"),
        (["{alice,bob}/{cat,dog,cow}/", "misc/"], "alice, bob hold"),
        (["{lernen,prüfen}/{Katze,Hund}/"], "lernen, prüfen hold sub-folders of equal names (Hund, Katze)"),
        (["{query,gallery}/{猫,犬}/"], "gallery, query hold"),
        (["wrapped/{public,private}/{cat,dog}/"], "private, public hold"),
        (["{cat,dog}/{train,test}/", "cow/"], "hold splits of their own, and cow does not"),
        (["{pets,farm}/{train,test}/{cat,dog}/"], "hold splits of their own, and farm, pets hold"),
        (["{trainA,trainB,testA,testB}/"], "testA, testB, trainA, trainB are splits, not tags"),
        (["{line1,line2}/{good,bad}/"], "line1, line2 hold"),
        (["train/{cat,dog}/", "pred/"], "train are splits, not tags"),
        (["train/{cat,dog}/", "test/"], "train, test are splits, not tags"),
        (["{flowers_train,flowers_test}/"], "flowers_test, flowers_train are splits, not tags"),
        (["{entrainement,validation}/{cat,dog}/"], "Rename the one for training to train, of entrainement"),
        (["VOC2012/{JPEGImages,SegmentationClass}/", "VOC2012/Annotations/0.xml"], "JPEGImages, SegmentationClass are"),
        (["{images,masks}/"], "images, masks are those of a data set for detection or segmentation"),
        (["labeled/{cat,dog}/", "unlabeled/"], "/d/labeled, or list"),
        (["labelled_data/{cat,dog}/", "Unlabelled Data/"], "Unlabelled Data, labelled_data are not tags"),
    ],
)
def test_folders_that_may_be_splits_are_refused_with_their_names_and_a_fix(tmp_path, patterns, found):
    make(tmp_path / "d", *patterns)
    with pytest.raises(ValueError, match=r"got path=.*/d, .*\.csv with the columns path, tags and split") as error:
        load_folder(tmp_path / "d")
    assert found.replace("train, test are", "test, train are") in str(error.value)


def test_what_lies_beside_splits_is_said_to_be_left_out(tmp_path, caplog):
    make(tmp_path, "{train,test}/{cat,dog}/", "{pred,wallpapers}/", "loose.jpg", "train/stray.jpg", "test/cow/.keep")
    dataset = load_folder(tmp_path)
    assert sizes(dataset) == (4, 0, 4)
    assert "other folders are left out: pred, wallpapers" in caplog.text
    assert "folders without pictures, which make no tag: test/cow" in caplog.text
    assert dataset.skipped == (("loose.jpg", "has no tag"), ("train/stray.jpg", "has no tag"))


def test_a_folder_of_one_tag_to_test_on_is_that_tag(tmp_path):
    make(tmp_path / "d", "{cat,dog}/")
    assert sizes(load_folder(tmp_path / "d", make(tmp_path / "t", "Cat/{beach,home}/"))) == (4, 0, 4)
    assert sizes(load_folder(tmp_path / "d", make(tmp_path / "u", "test/{cat,dog}/"))) == (4, 0, 4)


def test_the_tags_are_named_in_the_log_with_their_pictures(tmp_path, caplog):
    make(tmp_path, "{a,b,c,d,e,f,g,h,i,j,k,l}/", "a/more.jpg")
    with caplog.at_level(logging.INFO):
        load_folder(tmp_path)
    assert "12 tags: a (3), b (2), c (2), d (2), e (2), f (2), g (2), h (2), i (2), j (2) and 2 more" in caplog.text


@pytest.mark.parametrize(
    ("name", "expected"), [("data", (8, 8, 0)), ("kaggle", (8, 0, 8))], ids=["B04-splits-data", "B04-splits-kaggle"]
)
def test_the_splits_that_were_learned_as_tags_are_splits(tmp_path, name, expected):
    dataset = load_folder(copy_case("B04-splits-learned-as-tags", tmp_path) / name)
    assert (names(dataset), sizes(dataset)) == (list(TAGS), expected)


def test_thumbnails_and_bins_of_network_storage_are_ignored_and_counted(tmp_path, caplog):  # B05-nas-thumbnails
    with caplog.at_level(logging.INFO):
        dataset = load_folder(copy_case("B05-nas-thumbnails", tmp_path) / "data")
    assert (names(dataset), sizes(dataset)) == (list(TAGS), (12, 0, 0))
    assert "those of systems: @eaDir (2), #recycle (1), $RECYCLE.BIN (1)" in caplog.text


def test_where_no_file_is_a_picture_the_error_counts_them_with_the_first(tmp_path):
    make(tmp_path, "{cat,dog}/{0,1}.dcm")
    with pytest.raises(ValueError, match=r"got 0 tags in .* 4 files are no pictures; the first: cat/0\.dcm$"):
        load_folder(tmp_path)


def test_a_library_of_photos_is_ignored_with_the_advice_to_export_its_pictures(tmp_path, caplog):
    make(tmp_path, "{cat,dog}/", "Photos Library.photoslibrary/originals/0/", "me.photoslibrary/a.jpg")
    assert names(load_folder(tmp_path)) == ["cat", "dog"]
    assert "not read: Photos Library.photoslibrary, me.photoslibrary; export their pictures" in caplog.text
    assert "rename" not in caplog.text


def test_files_beside_pictures_are_counted_apart_from_bad_ones(tmp_path, caplog):  # B17-sidecars
    with caplog.at_level(logging.INFO):
        dataset = load_folder(copy_case("B17-sidecars", tmp_path) / "data")
    assert (names(dataset), sizes(dataset), dataset.skipped) == (list(TAGS), (6, 0, 0), ())
    assert "beside the pictures: 18 files that are none: .aae (6), .mov (6), .json (6)" in caplog.text


def test_a_raw_file_beside_its_picture_is_no_picture_and_one_alone_is(tmp_path):
    make(tmp_path, "{cat,dog}/", "cat/0.NEF", "cat/7.NEF", "dog/1.heic")
    keys = load_folder(tmp_path).train.keys
    assert "cat/0.NEF" not in keys
    assert {"cat/7.NEF", "dog/1.heic"} <= set(keys)


def test_files_of_no_picture_suffix_are_pictures_if_their_contents_are(tmp_path, caplog):
    others = ("a.braw", "NKSC_PARAM/0.param", "a.photo-edit", "a.jpg.dvc", "b.ts", "0.jpg.suppl", "notes", "a.bc")
    make(tmp_path / "d", "{cat,dog}/", "LICENSE", "SHA256SUMS", "data.dvc", *(f"dog/{name}" for name in others))
    for name, content in {
        "dog/no_suffix": picture("red", 1),
        "dog/0.picture": picture("green", 2),
        "dog/drawing.art": b"8BPS",  # a picture that is not read is a bad picture
        "dog/empty.lock": b"",
        "cat/a.take": b"\0\0\0\x18ftypmp42\0\0\0\0",
        "cat/bad.jpg": b"\0\0\0\x18ftypmp42\0\0\0\0",
        "LOOSE": picture("blue", 3),
    }.items():
        (tmp_path / "d" / name).write_bytes(content)
    with caplog.at_level(logging.INFO):
        dataset = load_folder(tmp_path / "d")
    read = {"dog/no_suffix", "dog/0.picture", "dog/drawing.art", "cat/bad.jpg"}
    assert set(dataset.train.keys) == {"cat/0.jpg", "cat/1.jpg", "dog/0.jpg", "dog/1.jpg"} | read
    assert dataset.skipped == (("LOOSE", "has no tag"),)
    assert "beside the pictures: 13 files that are none" in caplog.text
    make(tmp_path / "wrapped" / "data", "{cat,dog}/")
    make(tmp_path / "wrapped", "README")
    assert names(load_folder(tmp_path / "wrapped")) == ["cat", "dog"]


@pytest.fixture
def linked(tmp_path) -> Path:
    """The case B11-links-and-locked, with its links: they are stored as texts where links cannot be."""
    data = copy_case("B11-links-and-locked", tmp_path) / "data"
    for name, target in (("balloon/more", "../../elsewhere"), ("boat/gone.jpg", "/annex/objects/x")):
        (data / name).unlink()
        (data / name).symlink_to(target)
    return data


def test_linked_folders_are_read_and_dangling_links_and_empty_folders_reported(linked, caplog):
    (linked / "empty").mkdir()
    (linked / "only documents").mkdir()
    (linked / "only documents" / "a.pdf").touch()
    dataset = load_folder(linked)
    assert (names(dataset), sizes(dataset)) == (list(TAGS), (13, 0, 0))
    assert dataset.skipped == (("boat/gone.jpg", "a link to /annex/objects/x, where nothing is"),)
    assert "folders without pictures, which make no tag: empty, only documents" in caplog.text
    assert "1 of 14 pictures are links to files that are not there; the first: boat/gone.jpg" in caplog.text


def test_links_that_lead_back_or_to_what_is_read_anyway_are_counted_and_not_followed(linked, caplog):
    (linked / "balloon" / "up").symlink_to("..")
    (linked / "boat" / "self").symlink_to(".")
    (linked / "boat" / "again").symlink_to("../../elsewhere")
    (linked / "boat" / "and again").symlink_to("../../elsewhere")
    (linked / "root").symlink_to(linked)
    (linked / "round").symlink_to("round")
    (linked.parent / "elsewhere" / "back").symlink_to(linked)
    with caplog.at_level(logging.INFO):
        dataset = load_folder(linked)
    assert names(dataset) == list(TAGS)
    assert sizes(dataset) == (13, 0, 0)
    shared = [i for i in range(13) if (dataset.train.labels[i] >= 0).all()]
    assert len(shared) == 5  # both tags link to them
    assert {skip.key for skip in dataset.skipped} == {"boat/gone.jpg", "round"}
    assert "links to folders that are read anyway, or hold the link: 6, first" in caplog.text


def test_pipes_and_devices_are_reported_and_never_opened(linked):
    os.mkfifo(linked / "boat" / "pipe.jpg")
    (linked / "boat" / "null.png").symlink_to(os.devnull)
    reason = "a pipe, socket or device: expected a file"
    assert {("boat/pipe.jpg", reason), ("boat/null.png", reason)} <= set(load_folder(linked).skipped)


def test_folders_and_files_that_cannot_be_read_are_reported(linked, monkeypatch):
    make(linked, "locked/{a,b}.jpg", "boat/locked.jpg")
    iterdir, read = Path.iterdir, Path.read_bytes

    def refuse(self, original):
        if self.name.startswith("locked"):
            raise PermissionError(13, "Permission denied", str(self))
        return original(self)

    monkeypatch.setattr(Path, "iterdir", lambda self: refuse(self, iterdir))
    monkeypatch.setattr(Path, "read_bytes", lambda self: refuse(self, read))
    skipped = dict(load_folder(linked).skipped)
    assert skipped["locked"] == "a folder that cannot be read: Permission denied"
    assert skipped["boat/locked.jpg"] == "cannot be read: Permission denied"


def test_where_all_links_dangle_the_error_says_so_with_the_first(tmp_path):
    for tag in TAGS:
        (tmp_path / "d" / tag).mkdir(parents=True)
        for i in range(6):
            (tmp_path / "d" / tag / f"{i}.jpg").symlink_to(f".git/annex/objects/{tag}{i}")
    with pytest.raises(
        ValueError,
        match=r"got 0 tags in .*\. 12 of 12 pictures are links to files that are not there; the first: "
        r"balloon/0\.jpg: a link to \.git/annex/objects/balloon0, where nothing is",
    ):
        load_folder(tmp_path / "d")


@pytest.mark.parametrize(
    "tag", ["recycled", "recycler", "temporary items", "vol.part", "icon?", "BridgeCache", "~$tag"]
)
def test_a_tag_is_not_taken_for_what_a_system_leaves(tmp_path, tag):
    assert names(load_folder(make(tmp_path / "d", f"{{landfill,{tag}}}/"))) == sorted(["landfill", tag])


def test_ignored_folders_beside_tags_that_hold_pictures_are_warned_of(tmp_path, caplog):
    make(tmp_path / "d", "all/{cat,dog,lost+found,.net,.thumbnails}/", "#recycle/", "all/cat/@eaDir/")
    assert names(load_folder(tmp_path / "d")) == ["cat", "dog"]
    assert "of systems: #recycle, all/.net, all/lost+found; rename those that are tags" in caplog.text


@pytest.mark.parametrize("wrapper", ["dataset", "archive/dataset", "dataset/images/all", "train"])
@pytest.mark.parametrize("beside", ["docs/readme.md", "labels/{cat,dog}.txt", "videos/cat/a.mp4"])
def test_the_only_folder_with_pictures_is_a_wrapper_whatever_lies_beside_it(tmp_path, caplog, wrapper, beside):
    make(tmp_path / "d", f"{wrapper}/{{cat,dog}}/", beside, "README.md")
    with caplog.at_level(logging.INFO):
        assert names(load_folder(tmp_path / "d")) == ["cat", "dog"]
    assert f"folders without pictures, which make no tag: {beside.partition('/')[0]}" in caplog.text
    if wrapper != "train":
        assert f"only {wrapper.partition('/')[0]} holds pictures: its sub-folders are read" in caplog.text


@pytest.mark.parametrize("inside", ["", "{raw,edited}/", "{2023,2024}/"])
def test_one_tag_beside_an_empty_one_stays_a_tag(tmp_path, inside):
    make(tmp_path / "d", f"cat/{inside}", "dog/readme.txt")
    hint = r"; if the folders in cat are the tags, use path=.*/d/cat" if inside else ""
    with pytest.raises(ValueError, match=rf"got 1 tags in .*/d \(cat\), expected two .* per tag{hint}$"):
        load_folder(tmp_path / "d")


def test_a_folder_to_test_on_with_one_filled_tag_is_not_entered(tmp_path):
    make(tmp_path / "d", "{cat,dog}/")
    assert sizes(load_folder(tmp_path / "d", make(tmp_path / "t", "cat/{beach,home}/", "dog/notes.txt"))) == (4, 0, 4)


@pytest.mark.parametrize(
    ("patterns", "named"),
    [
        (["train/{cat,dog}/", "test/"], "train"),
        (["{training,a_test}/", "eval/{cat,dog}/"], "eval"),
        (["Train/{cat,dog}/", "Dev/{cow,pig}/", "A test/{hen,fox}/"], "Train"),
    ],
)
def test_the_refusal_of_splits_names_the_one_to_learn_from(tmp_path, patterns, named):
    make(tmp_path / "d", *patterns)
    with pytest.raises(ValueError, match=rf"Name one of them, as in path=.*/d/{named}, or list"):
        load_folder(tmp_path / "d")
