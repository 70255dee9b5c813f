"""What each step of the int8 conversion is worth: mean and least cosine of embeddings to float32.

python -m experiments.export.int8_steps BACKBONE [--weights FILE] [--zip TINY_IMAGENET_ZIP] [--pictures 200]

On validation pictures of Tiny ImageNet if its zip is given, otherwise on drawings. Calibrated on 100 training pictures.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from experiments.common.arguments import study_parser
from experiments.common.tables import Column, markdown_table
from imagetagger.backbones.model import Backbone, forward
from imagetagger.backbones.registry import load_backbone
from imagetagger.bundle.golden import cosine_similarity
from imagetagger.convert.bias_correction import correct_biases
from imagetagger.convert.quantize import convert_backbone, convert_int8
from imagetagger.convert.tflite import to_tflite
from imagetagger.data.dataset import Split
from imagetagger.data.synthetic import load_synthetic
from imagetagger.data.tiny_imagenet import load_tiny_imagenet
from imagetagger.embedding.runtime import litert_runtime
from imagetagger.preprocess import preprocess

CALIBRATION_PICTURES = 100
COLUMNS = (Column("step", " "), Column("mean", "mean cosine", ".4f"), Column("least", form=".4f"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert in four ways, embed, and print a table."""
    parser = study_parser(__doc__)
    parser.add_argument("backbone", choices=("mobilenet_v2", "efficientnet_lite0"))
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--zip", type=Path)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--resolution", type=int, default=224)
    options = parser.parse_args(arguments)
    size = options.resolution
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backbone = load_backbone(
            options.backbone, width=options.width, resolution=size, weights=options.weights, cache=folder
        )
        data = load_tiny_imagenet(options.zip, folder) if options.zip else load_synthetic(60, 0.2, 0)
        calibration = crops(data.train, CALIBRATION_PICTURES, size)
        pictures = crops(data.validation, options.pictures, size)
        corrected = correct_biases(backbone, calibration)
        models = {
            "float32": convert_backbone(backbone, size, "float32"),
            "normalised inside": normalised_inside(backbone, calibration),
            "the picture is the input": convert_int8(backbone, calibration),
            "and biases corrected": convert_int8(corrected, calibration),
        }
        embeddings = {step: embed(model, pictures) for step, model in models.items()}
    reference = embeddings.pop("float32")
    rows = []
    for step, x in embeddings.items():
        cosines = [cosine_similarity(a, b) for a, b in zip(x, reference, strict=True)]
        rows.append({"step": step, "mean": np.mean(cosines), "least": min(cosines)})
    print(f"{options.backbone} on {len(pictures)} pictures of {data.name}", markdown_table(rows, COLUMNS), sep="\n")


def crops(split: Split, count: int, size: int) -> list[np.ndarray]:
    """Crop the pictures of least content id, which int8 is calibrated on in a run as well."""
    chosen = sorted(range(len(split.ids)), key=split.ids.__getitem__)[:count]
    return [preprocess(split.read(i), size) for i in chosen]


def normalised_inside(backbone: Backbone, calibration: list[np.ndarray]) -> bytes:
    """Convert the float model's own graph, int8 from the pixels on."""
    image = jax.ShapeDtypeStruct((1, *calibration[0].shape), np.uint8)
    signature = (lambda image: {"embedding": forward(backbone, image)}, {"image": image})
    return to_tflite({"embed": signature}, "int8", ({"image": picture[None]} for picture in calibration))


def embed(model: bytes, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Embed pictures with a model's `embed`."""
    results = list(litert_runtime(model).run(pictures.__getitem__, range(len(pictures))))
    return [result for result in results if isinstance(result, np.ndarray)]


if __name__ == "__main__":
    main()
