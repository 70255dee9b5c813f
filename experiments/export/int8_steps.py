"""What each step of the int8 conversion is worth: mean and least cosine of embeddings to float32.

python experiments/int8_steps.py BACKBONE [--weights FILE] [--zip TINY_IMAGENET_ZIP] [--pictures 200]

On drawings, or on validation pictures of Tiny ImageNet where its zip is given. Calibrated on 100 training pictures.
"""

import argparse
import tempfile
from pathlib import Path

import jax
import numpy as np

from imagetagger.backbones.model import Backbone, forward
from imagetagger.backbones.weights import load_backbone
from imagetagger.bundle.golden import cosine_similarity
from imagetagger.convert.bias_correction import correct_biases
from imagetagger.convert.quantize import convert_backbone, convert_int8
from imagetagger.convert.tflite import to_tflite
from imagetagger.data.dataset import Split
from imagetagger.data.synthetic import load_synthetic
from imagetagger.data.tiny_imagenet import load_tiny_imagenet
from imagetagger.embedding.runtime import litert_runtime
from imagetagger.preprocess import preprocess


def main() -> None:
    """Convert in four ways, embed, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", choices=("mobilenet_v2", "efficientnet_lite0"))
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--zip", type=Path)
    parser.add_argument("--pictures", type=int, default=200)
    arguments = parser.parse_args()
    size = 224
    with tempfile.TemporaryDirectory() as folder:
        backbone = load_backbone(
            arguments.backbone, width=1.0, resolution=size, weights=arguments.weights, cache=Path(folder)
        )
        data = load_tiny_imagenet(arguments.zip, Path(folder)) if arguments.zip else load_synthetic(60, 0.2, 0)
        calibration, pictures = crops(data.train, 100, size), crops(data.validation, arguments.pictures, size)
        corrected = correct_biases(backbone, calibration)
        models = {
            "float32": convert_backbone(backbone, size, "float32"),
            "int8, normalised inside": normalised_inside(backbone, calibration),
            "int8, the picture is the input": convert_int8(backbone, calibration),
            "int8, and biases corrected": convert_int8(corrected, calibration),
        }
        embeddings = {name: embed(model, pictures, Path(folder)) for name, model in models.items()}
    print(
        f"{arguments.backbone} on {len(pictures)} pictures of {data.name}\n| | mean cosine | least |\n|---|---:|---:|"
    )
    for name, found in list(embeddings.items())[1:]:
        near = [cosine_similarity(a, b) for a, b in zip(found, embeddings["float32"], strict=True)]
        print(f"| {name} | {np.mean(near):.4f} | {min(near):.4f} |")


def crops(split: Split, count: int, size: int) -> list[np.ndarray]:
    """Return the pictures of least content id, as the export chooses them."""
    chosen = sorted(range(len(split.ids)), key=split.ids.__getitem__)[:count]
    return [preprocess(split.read(i), size) for i in chosen]


def normalised_inside(backbone: Backbone, calibration: list[np.ndarray]) -> bytes:
    """Return the plain conversion: the float model's own graph, int8 from the pixels on."""
    image = jax.ShapeDtypeStruct((1, *calibration[0].shape), np.uint8)
    signature = (lambda image: {"embedding": forward(backbone, image)}, {"image": image})
    return to_tflite({"embed": signature}, "int8", ({"image": picture[None]} for picture in calibration))


def embed(model: bytes, pictures: list[np.ndarray], folder: Path) -> list[np.ndarray]:
    """Return the embeddings of pictures."""
    path = folder / "model.tflite"
    path.write_bytes(model)
    return list(litert_runtime(path).run(pictures.__getitem__, range(len(pictures))))


if __name__ == "__main__":
    main()
