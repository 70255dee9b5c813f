"""Tiny ImageNet (Stanford CS231n): 200 tags, 100,000 training and 10,000 validation pictures of 64 x 64.

Read directly from the official zip, or from the folder it unpacks to; the unlabelled test pictures are left out.
`tiny_imagenet_builder` offers the same pictures as a TensorFlow Datasets builder.
"""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from imagetagger.data.dataset import Dataset, DatasetTag, Skip, Split, content_ids, pad_labels
from imagetagger.data.wordnet_tags import with_broader, wordnet_terms
from imagetagger.system.atomic_files import file_sha256
from imagetagger.system.download import Download, download

OFFICIAL_ARCHIVE = Download(
    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    # Stanford publishes none; ContinualAI's Avalanche checks this one (benchmarks/datasets/tiny_imagenet).
    known_hash="md5:90528d7ca1a48142e341f4ef8d21d0de",
)
ARCHIVE_ROOT = "tiny-imagenet-200"


class ListedExample(NamedTuple):
    """One labelled picture: its file inside the archive, its WordNet id, its box (x0, y0, x1, y1) in pixels."""

    file: str
    wnid: str
    box: tuple[int, int, int, int]


class Archive(NamedTuple):
    """The official files by relative name, in a zip or in a folder."""

    names: frozenset[str]
    read: Callable[[str], bytes]


def open_archive(path: Path) -> Archive:
    """Open the official zip, or a folder of the same layout, without unpacking it.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: it is neither the zip nor a folder with wnids.txt in it.
    """
    if path.is_dir():
        root = next((folder for folder in (path, path / ARCHIVE_ROOT) if (folder / "wnids.txt").is_file()), None)
        if root is None:
            raise ValueError(f"got path={path}, a folder without wnids.txt: expected the zip's {ARCHIVE_ROOT}/")
        names = frozenset(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
        return Archive(names, lambda name: (root / name).read_bytes())
    if not path.exists():
        raise FileNotFoundError(f"got path={path}, where nothing is; null downloads {OFFICIAL_ARCHIVE.url}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"got path={path}, which is not a zip file: expected {ARCHIVE_ROOT}.zip or its folder")
    archive = zipfile.ZipFile(path)
    prefix = f"{ARCHIVE_ROOT}/"
    names = frozenset(name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix))
    if "wnids.txt" not in names:
        raise ValueError(f"got path={path}, a zip without {prefix}wnids.txt: expected {ARCHIVE_ROOT}.zip as published")

    def read(name: str) -> bytes:
        try:
            return archive.read(prefix + name)
        except (KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise OSError(f"{path} is damaged at {name}: {error}. Download it again.") from error

    return Archive(names, read)


def read_tags(archive: Archive) -> tuple[DatasetTag, ...]:
    """Return the 200 tags in the order of wnids.txt: WordNet id, first name from words.txt, and its other names."""
    lines = archive.read("words.txt").decode().splitlines()
    names = {wnid: words.split(", ") for wnid, words in (line.split("\t") for line in lines if line)}
    return tuple(DatasetTag(w, names[w][0], tuple(names[w][1:])) for w in archive.read("wnids.txt").decode().split())


def read_examples(archive: Archive, split: str) -> list[ListedExample]:
    """Return the pictures of `train` or `validation` in the order of the annotation files."""
    if split == "validation":
        rows = [line.split("\t") for line in archive.read("val/val_annotations.txt").decode().splitlines()]
        return [_example(f"val/images/{name}", wnid, box) for name, wnid, *box in rows]
    examples = []
    for wnid in archive.read("wnids.txt").decode().split():
        rows = [line.split("\t") for line in archive.read(f"train/{wnid}/{wnid}_boxes.txt").decode().splitlines()]
        examples += [_example(f"train/{wnid}/images/{name}", wnid, box) for name, *box in rows]
    return examples


def _example(file: str, wnid: str, box: list[str]) -> ListedExample:
    x0, y0, x1, y1 = map(int, box[:4])
    return ListedExample(file, wnid, (x0, y0, x1, y1))


def load_tiny_imagenet(path: Path | None, cache: Path) -> Dataset:
    """Load Tiny ImageNet.

    Args:
        path: the official zip or its unpacked folder; None downloads the zip into `cache`.
        cache: the cache directory.
    """
    path = path or download(OFFICIAL_ARCHIVE, cache / "downloads", "path=FILE (in a run: data.path=FILE)")
    archive = open_archive(path)
    digest = file_sha256(path) if path.is_file() else None
    tags = with_broader(read_tags(archive))
    index = {tag.id: i for i, tag in enumerate(tags)}

    skipped = []

    def read_split(split: str) -> Split:
        examples = []
        for example in read_examples(archive, split):
            if example.file in archive.names:
                examples.append(example)
            else:
                skipped.append(Skip(example.file, "missing from the archive"))

        def read(i: int) -> bytes:
            return archive.read(examples[i].file)

        return Split(
            keys=[example.file for example in examples],
            ids=content_ids(read, len(examples), split, cache if digest else None, f"{digest}-{split}"),
            labels=pad_labels([index[example.wnid]] for example in examples),
            read=read,
        )

    train, validation = read_split("train"), read_split("validation")
    return Dataset(
        "tiny_imagenet", tags, train, validation, tuple(skipped), terms=wordnet_terms(tag.id for tag in tags)
    )
