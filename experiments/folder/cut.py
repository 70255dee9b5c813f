"""Cut a folder of a few hundred real pictures out of Tiny ImageNet, and add some bad files.

python -m experiments.folder.cut ZIP_OR_FOLDER DESTINATION [--tags 10] [--per-tag 40]
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.common.arguments import study_parser
from imagetagger.data.tiny_imagenet import open_archive, read_examples, read_tags

BOMB = bytes.fromhex("89504e470d0a1a0a0000000d494844520000ea600000ea600800000000a5b92a9e000000004944415435af061e")
"""The header of a PNG of 60,000 x 60,000 pixels."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the folder."""
    parser = study_parser(__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    parser.add_argument("--tags", type=int, default=10)
    parser.add_argument("--per-tag", type=int, default=40)
    options = parser.parse_args(arguments)
    archive = open_archive(options.source)
    names = {tag.id: tag.name for tag in read_tags(archive)}
    chosen = np.random.default_rng(0).choice(list(names), options.tags, replace=False)
    remaining = dict.fromkeys(chosen, options.per_tag)
    for example in read_examples(archive, "train"):
        if remaining.get(example.wnid, 0):
            remaining[example.wnid] -= 1
            folder = options.destination / names[example.wnid]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / Path(example.file).name).write_bytes(archive.read(example.file))
    add_bad_files(sorted(options.destination.glob("*/*")))


def add_bad_files(good_files: Sequence[Path]) -> None:
    """Put bad files beside good ones: empty, cut off, not a picture, garbage inside, huge, without a tag, a copy."""
    good, folder = good_files[0].read_bytes(), good_files[0].parent
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut_off.jpg").write_bytes(good[: len(good) // 2])
    (folder / "notes.txt").write_text("remember the milk\n")
    (folder / "garbage.jpg").write_bytes(good[:200] + bytes(1000))
    (folder / "bomb.png").write_bytes(BOMB)
    (folder.parent / "untagged.jpg").write_bytes(good)
    (folder / "same_picture_again.jpg").write_bytes(good)


if __name__ == "__main__":
    main()
