"""Regenerate the golden embeddings: `python tests/golden/make.py`. A change of them is a change for every user."""

from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from sklearn.datasets import load_sample_images

from imagetagger.backbones.registry import load_backbone
from imagetagger.data.drawings import draw_picture
from imagetagger.embedding.runtime import make_runtime
from imagetagger.preprocess import crop_square
from imagetagger.system.atomic_files import cache_directory

PATH = Path(__file__).parent / "efficientnet_lite0.safetensors"
RESOLUTION = 224


def pictures() -> dict[str, np.ndarray]:
    """Return two photographs and two drawings as the network sees them: uint8 (224, 224, 3)."""
    loaded = load_sample_images()
    images = {
        Path(name).stem: Image.fromarray(image) for name, image in zip(loaded.filenames, loaded.images, strict=True)
    }
    images |= {
        tag: draw_picture(tag, np.random.default_rng(seed), RESOLUTION) for seed, tag in enumerate(("boat", "mushroom"))
    }
    return {name: crop_square(image, RESOLUTION) for name, image in images.items()}


def embeddings(cache: Path) -> dict[str, np.ndarray]:
    """Return the embedding (1280,) of each picture."""
    backbone = load_backbone("efficientnet_lite0", width=1.0, resolution=RESOLUTION, weights="imagenet", cache=cache)
    runtime, images = make_runtime(backbone, RESOLUTION, cache, runtime="litert"), pictures()
    return dict(zip(images, runtime.run(list(images.values()).__getitem__, range(len(images))), strict=True))


if __name__ == "__main__":
    save_file(embeddings(cache_directory()), PATH)
