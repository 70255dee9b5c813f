"""What names of folders say: which serve for training, validation or test, and which are no tags."""

import re
from typing import Literal, get_args

Role = Literal["train", "validation", "test"]
"""What a split serves for."""

ROLES: tuple[Role, ...] = get_args(Role)

SPLIT_WORDS: dict[Role, set[str]] = {
    "train": {"train", "training", "trn", "trainval", "trainvaltest", "learn", "learning"},
    "validation": {"val", "valid", "validation", "validate", "dev", "develop", "development", "eval", "evaluation"},
    "test": {"test", "testing", "tests", "tst", "holdout", "heldout", "unseen"},
}
FILLER_WORDS = {
    *(
        "set",
        "sets",
        "seg",
        "split",
        "splits",
        "data",
        "dataset",
        "folder",
        "dir",
        "files",
        "samples",
        "x",
        "v",
        "final",
    ),
    *("image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos"),
    *("original", "originals", "raw", "cropped", "resized", "processed", "augmented", "aug", "clean", "full", "small"),
}
"""Words that say nothing of a split, in names such as `train_images` or `seg_test`."""

SORTING_WORDS = {
    *("raw", "jpg", "jpeg", "png", "heic", "tif", "tiff", "edit", "edits", "edited", "original", "originals", "export"),
    *("exports", "exported", "full", "fullsize", "large", "medium", "small", "thumb", "thumbs", "preview", "previews"),
    *("crop", "crops", "cropped", "resized", "aug", "augmented", "processed", "clean", "hd", "hdr", "rgb", "bw"),
    *("color", "colour", "grey", "gray", "image", "images", "img", "imgs", "picture", "pictures", "pic", "pics"),
    *("photo", "photos", "indoor", "indoors", "outdoor", "outdoors", "inside", "outside", "day", "night", "front"),
    *("back", "rear", "side", "left", "right", "top", "bottom", "close", "closeup", "far", "near", "good", "bad"),
    *("best", "reject", "rejects", "rejected", "select", "selects", "selected", "picks", "keep", "favorites", "misc"),
    *("favourites", "other", "others", "new", "old", "more", "extra", "done", "todo", "sorted", "unsorted", "part"),
    *("batch", "set", "session", "burst", "series", "folder", "album", "cam", "camera", "phone", "iphone", "android"),
    *("mobile", "dcim", "whatsapp", "web", "week", "month", "year", "spring", "summer", "autumn", "fall", "winter"),
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "sep", "oct", "nov", "dec", "january", "february", "march"),
    *("april", "june", "july", "august", "september", "october", "november", "december"),
}
"""Words of sub-folders that sort the pictures of one tag, as in cat/raw, cat/indoor, cat/2023-05."""

ANNOTATION_FOLDERS = {
    *("images", "imgs", "image", "img", "jpegimages", "pngimages", "photos", "pictures", "frames", "rgb"),
    *("annotations", "annotation", "labels", "label", "imagesets", "segmentationclass", "segmentationobject"),
    *("segmentationclassaug", "segmentationclassraw", "masks", "mask", "segmentation", "segmentations", "groundtruth"),
    *("gt", "boxes", "bboxes", "trimaps", "instances", "semantic", "labelids", "depth"),
}
"""Folders of data sets whose labels lie in pictures or files of their own, without spaces and the like."""

CAMERA_FOLDER = re.compile(r"\d{3}[A-Z0-9_]{5}")
"""A folder that a camera makes: 100CANON, 101MSDCF, 102APPLE."""

_SPLIT_STEM = re.compile(
    rf"({'|'.join(sorted(set().union(*SPLIT_WORDS.values()), key=len, reverse=True))})"
    rf"({'|'.join(sorted(FILLER_WORDS - {'x', 'v'}, key=len, reverse=True))})"
)
_PLACE_IN_SERIES = re.compile(r"([\W_]*\d+|[\W_]+[A-Za-z]|(?<=[a-z])[A-Z])$")


def split_role(name: str) -> Role | None:
    """Return what a folder or a value of the column `split` serves for, by its name; None if that says nothing.

    >>> [split_role(name) for name in ("Training", "val", "seg_test", "dev-set", "TrainImages", "cat", "train station")]
    ['train', 'validation', 'test', 'validation', 'train', None, None]
    """
    words = set(_words(name)) - FILLER_WORDS
    joined = "".join(word for word in _words(name) if word in words)
    if joined in ("holdout", "heldout", "trainval", "trainvaltest"):
        return "test" if joined.endswith("out") else "train"
    return next((role for role, known in SPLIT_WORDS.items() if words and words <= known), None)


def likely_role(name: str) -> Role | None:
    """Return what a folder of splits seems to serve for, other words in its name or not.

    >>> [likely_role(name) for name in ("flowers_train", "chest-xray test", "train_test", "cat")]
    ['train', 'test', None, None]
    """
    words = set(_words(name))
    roles = [role for role, known in SPLIT_WORDS.items() if words & known]
    return split_role(name) or (roles[0] if len(roles) == 1 else None)


def share_a_subject(names: list[str]) -> bool:
    """Whether two names say the same but for the split: parts of one set, as a rule.

    >>> share_a_subject(["flowers_train", "flowers_test"]), share_a_subject(["blood test", "train station"])
    (True, False)
    """
    subjects = [frozenset(_words(name)) - FILLER_WORDS - set().union(*SPLIT_WORDS.values()) for name in names]
    return len(set(subjects)) < len(subjects)


def is_sorting_name(name: str) -> bool:
    """Whether a sub-folder of this name sorts the pictures of one tag rather than being a tag.

    >>> [is_sorting_name(name) for name in ("raw", "2023-05", "1", "100APPLE", "Day 2", "cat")]
    [True, True, True, True, True, False]
    """
    if CAMERA_FOLDER.fullmatch(name):
        return True
    return {word for word in _words(name) if len(word) > 1 or not word.isascii()} <= SORTING_WORDS


def is_annotation_folder(name: str) -> bool:
    """Whether a folder of this name is of pictures or of what is drawn on them, as in sets for detection.

    >>> [is_annotation_folder(name) for name in ("JPEGImages", "SegmentationClass", "ground_truth", "cat")]
    [True, True, True, False]
    """
    return re.sub(r"[\W\d_]+", "", name).lower() in ANNOTATION_FOLDERS


def is_labelled_folder(name: str) -> bool | None:
    """Whether a folder's name says that its pictures have tags, or have none; None if it says neither."""
    word = re.sub(r"[\W\d_]+|data|images|set", "", name.lower())
    return {"labeled": True, "labelled": True, "unlabeled": False, "unlabelled": False}.get(word)


def are_series(names: list[str]) -> bool:
    """Whether names differ in a last number or letter only: parts of one set, as a rule.

    >>> are_series(["cameraA", "cameraB"]), are_series(["2023", "2024"]), are_series(["cat", "car"])
    (True, True, False)
    """
    stems = {_PLACE_IN_SERIES.sub("", name).casefold() if _PLACE_IN_SERIES.search(name) else None for name in names}
    return len(names) > 1 and len(stems) == 1 and None not in stems


def _words(name: str) -> list[str]:
    """Return the words of a name, those joined by capitals or by a filler too: "TrainImages", "trainset"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = [word for word in re.split(r"[\W\d_]+", spaced.lower()) if word]
    matches = [_SPLIT_STEM.fullmatch(word) for word in words]
    return [part for word, match in zip(words, matches, strict=True) for part in (match.groups() if match else (word,))]
