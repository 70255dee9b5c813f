"""Writes photographs for the page with the made-up engine: of scikit-learn, matplotlib and Tiny ImageNet, if there."""

import io
import sys
import zipfile
from pathlib import Path

import matplotlib
import sklearn
from PIL import Image

OUT = Path(__file__).parent / ".pictures"
TINY = Path.home() / ".cache/imagetagger-data/tiny-imagenet-200.zip"


def write(name: str, data: bytes | Path) -> None:
    """One photograph, its size in its name, as the made-up engine reads it there."""
    image = Image.open(data if isinstance(data, Path) else io.BytesIO(data)).convert("RGB")
    image.thumbnail((1024, 1024))
    image.save(OUT / f"{name}-{image.width}x{image.height}.jpg", quality=88)


def main(count: int) -> None:
    """All of them, the large ones first."""
    OUT.mkdir(exist_ok=True)
    samples = sorted((Path(sklearn.__file__).parent / "datasets/images").glob("*.jpg"))
    for i, path in enumerate([*samples, Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"]):
        write(f"{i:03}", path)
    if TINY.exists():
        with zipfile.ZipFile(TINY) as archive:
            names = [name for name in archive.namelist() if "/val/images/" in name and name.endswith(".JPEG")]
            for i, name in enumerate(names[:count]):
                write(f"{i + 10:03}", archive.read(name))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
