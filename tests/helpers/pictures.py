"""Small pictures and data sets that tests make up."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from imagetagger.data.dataset import Split, content_id, pad_labels

COLOURS = {"blue": (30, 60, 200), "green": (40, 160, 60), "red": (200, 40, 40)}


def noisy(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """A picture of one colour under noise; no two seeds alike."""
    noise = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def picture(tag: str, seed: int) -> bytes:
    return encode(noisy(COLOURS[tag], seed))


def colour_split(per_tag: int = 4) -> Split:
    """A split of noisy pictures, one colour a tag."""
    data = [picture(tag, i) for i in range(per_tag) for tag in COLOURS]
    labels = pad_labels([i % len(COLOURS)] for i in range(len(data)))
    return Split([f"{i}.png" for i in range(len(data))], [content_id(d) for d in data], labels, data.__getitem__)


PATTERNS = np.linalg.qr(np.random.default_rng(0).normal(size=(27, 27)))[0].reshape(27, 3, 3, 3)


def patchwork(colour: tuple[int, int, int], number: int, side: int = 64) -> Image.Image:
    """A picture of 3 x 3 tiles in a pattern of its own over a colour: no two of 54 in succession are near twins."""
    pattern = PATTERNS[number % 27] * (1 if number % 54 < 27 else -1)
    noise = np.random.default_rng(number).normal(0, 3, (3, 3, 3))
    tiles = 80 + 0.4 * np.array(colour) + 250 * pattern + noise
    return Image.fromarray(tiles.clip(0, 255).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)


def patchwork_folder(root: Path, per_tag: int = 12, seed: int = 0) -> Path:
    """A folder of pictures no two of which are near twins, one sub-folder a colour."""
    for offset, (tag, colour) in enumerate(COLOURS.items()):
        (root / tag).mkdir(parents=True)
        for i in range(per_tag):
            made = encode(patchwork(colour, per_tag * (len(COLOURS) * seed + offset) + i))
            (root / tag / f"{chr(97 + i)}.png").write_bytes(made)
    return root


def colour_folder(root: Path, per_tag: int = 12) -> Path:
    """A folder of pictures, one sub-folder a colour."""
    for offset, tag in enumerate(COLOURS):
        (root / tag).mkdir(parents=True)
        for i in range(per_tag):
            (root / tag / f"{i}.png").write_bytes(picture(tag, 1000 * offset + i))
    return root


def photographs_folder(root: Path, per_tag: int = 4) -> Path:
    """A folder of pictures of four of ImageNet's classes, named by their WordNet ids."""
    root.mkdir()
    for offset, wnid in enumerate(("n01443537", "n02099601", "n02823428", "n07749582")):
        for i in range(per_tag):
            made = encode(patchwork((60 * offset, 200 - 40 * offset, 90), per_tag * offset + i))
            (root / f"{wnid}_{i}.png").write_bytes(made)
    return root


def tiny_imagenet_zip(path: Path, per_tag: int = 3, tags: int = 2) -> Path:
    """A zip of the official layout: `tags` classes, `per_tag` pictures each for training, one for validation."""
    wnids = [f"n0000000{i}" for i in range(tags)]
    colours = list(COLOURS.values())
    with zipfile.ZipFile(path, "w") as out:
        root = "tiny-imagenet-200/"
        out.writestr(root + "wnids.txt", "\n".join(wnids) + "\n")
        words = [f"{wnid}\tname {i}, other name" for i, wnid in enumerate(wnids)]
        out.writestr(root + "words.txt", "\n".join([*words, "n09999999\tunused"]) + "\n")
        annotations = []
        for t, wnid in enumerate(wnids):
            boxes = []
            for i in range(per_tag):
                name = f"{wnid}_{i}.JPEG"
                image = noisy(colours[t], 10 * t + i)
                out.writestr(f"{root}train/{wnid}/images/{name}", encode(image, "JPEG", quality=95))
                boxes.append(f"{name}\t{i}\t{i + 1}\t40\t50")
            out.writestr(f"{root}train/{wnid}/{wnid}_boxes.txt", "\n".join(boxes) + "\n")
            out.writestr(f"{root}val/images/val_{t}.JPEG", encode(noisy(colours[t], 900 + t), "JPEG"))
            annotations.append(f"val_{t}.JPEG\t{wnid}\t0\t0\t63\t63")
        out.writestr(root + "val/val_annotations.txt", "\n".join(annotations) + "\n")
        out.writestr(root + "test/images/test_0.JPEG", encode(noisy(colours[0], 999), "JPEG"))
    return path
