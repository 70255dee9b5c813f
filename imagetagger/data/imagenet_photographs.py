"""Photographs of ImageNet's classes, each named by the WordNet id of what it shows: n01443537_goldfish.jpg.

A folder or a .zip. Its tags are the 1,000 of ImageNet whether there are pictures of them or not, since a network's own
classifier knows them all.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from imagetagger.data.dataset import Dataset, Skip, Split, content_ids
from imagetagger.data.wordnet_tags import wordnet_tags
from imagetagger.system.ignored_files import is_ignored_name


def load_imagenet_photographs(path: Path) -> Dataset:
    """Load the photographs of a folder or .zip, those without a known WordNet id at the start of their name skipped.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: it is neither a folder nor a .zip, or none of its files is named by a WordNet id of ImageNet.
    """
    names, read = _open(path)
    tags, terms = wordnet_tags()
    index = {tag.id: i for i, tag in enumerate(tags)}
    keys, labels, skipped = [], [], []
    for name in sorted(names):
        *folders, file = name.split("/")
        if is_ignored_name(file) or any(is_ignored_name(folder, is_folder=True) for folder in folders):
            continue
        wnid = file.partition("_")[0]
        if wnid in index:
            keys.append(name)
            labels.append([index[wnid]])
        else:
            skipped.append(Skip(name, f"got a name that begins with {wnid[:50]!r}, expected a WordNet id of ImageNet"))
    if not keys:
        raise ValueError(f"got path={path}, expected files that are named WNID_NAME, like n01443537_goldfish.jpg")
    ids = content_ids(lambda i: read(keys[i]), len(keys), "photographs")
    train = Split(keys, ids, np.array(labels, np.int32), lambda i: read(keys[i]))
    nothing = Split([], [], np.zeros((0, 1), np.int32), lambda i: b"")
    return Dataset("imagenet_photographs", tags, train, nothing, tuple(skipped), terms=terms)


def _open(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """Return the names of the files, and what reads one; safe to call from several threads."""
    if path.is_dir():
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
        return names, lambda name: (path / name).read_bytes()
    if not path.exists():
        raise FileNotFoundError(f"got path={path}, where nothing is: expected a folder or .zip of photographs")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"got path={path}, expected a folder or .zip of pictures named WNID_NAME.jpg")
    archive = zipfile.ZipFile(path)
    return [name for name in archive.namelist() if not name.endswith("/")], archive.read
