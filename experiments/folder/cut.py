"""Cut a folder of some hundred real pictures out of Tiny ImageNet, with a few bad files thrown in.

python experiments/cut_folder.py ZIP_OR_FOLDER DESTINATION [--tags 10] [--per-tag 40]
"""

import argparse
from pathlib import Path

import numpy as np

from imagetagger.data.tiny_imagenet import open_archive, read_examples, read_tags


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    parser.add_argument("--tags", type=int, default=10)
    parser.add_argument("--per-tag", type=int, default=40)
    arguments = parser.parse_args()
    archive = open_archive(arguments.source)
    names = {tag.id: tag.name for tag in read_tags(archive)}
    chosen = np.random.default_rng(0).choice(list(names), arguments.tags, replace=False)
    left = dict.fromkeys(chosen, arguments.per_tag)
    for example in read_examples(archive, "train"):
        if left.get(example.wnid, 0):
            left[example.wnid] -= 1
            folder = arguments.destination / names[example.wnid]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / Path(example.file).name).write_bytes(archive.read(example.file))
    spoil(sorted(arguments.destination.glob("*/*")))


def spoil(files: list[Path]) -> None:
    """Put bad files beside the good ones: empty, cut off, no picture, garbage inside, huge, without a tag."""
    good, folder = files[0].read_bytes(), files[0].parent
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut_off.jpg").write_bytes(good[: len(good) // 2])
    (folder / "notes.txt").write_text("remember the milk\n")
    (folder / "garbage.jpg").write_bytes(good[:200] + bytes(1000))
    # A PNG header that promises 60,000 x 60,000 pixels.
    (folder / "bomb.png").write_bytes(
        bytes.fromhex("89504e470d0a1a0a0000000d494844520000ea600000ea600800000000a5b92a9e000000004944415435af061e")
    )
    (folder.parent / "untagged.jpg").write_bytes(good)
    (folder / "same_picture_again.jpg").write_bytes(good)


if __name__ == "__main__":
    main()
