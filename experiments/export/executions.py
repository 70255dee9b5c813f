"""Three executions of one float32 bundle on real pictures: JAX, LiteRT and ONNX Runtime.

python -m experiments.export.executions BUNDLE WEIGHTS TINY_IMAGENET_ZIP [--pictures 1000]

BUNDLE is one of `+experiment=tiny_imagenet export=float32`, WEIGHTS and the zip what that run was given. Prints the
largest difference of an embedding, and, all from LiteRT's embeddings, the share of equal first predictions and equal
tag sets. A bundle with a transform does not store it apart from the network, so there JAX, which has the network alone,
only predicts.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnxruntime
from tqdm import tqdm

from experiments.common.arguments import study_parser
from experiments.common.bundles import crop, refit, validation_pictures
from imagetagger.backbones.model import Backbone, forward
from imagetagger.backbones.registry import load_backbone
from imagetagger.bundle.executor import embed_image, load_executor, score_rows, split_blocks
from imagetagger.bundle.reader import Bundle, read_bundle
from imagetagger.classifier.naive_bayes import log_joint
from imagetagger.prediction.predict import Prediction, log_class_prior, predict


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all three and print how they compare."""
    parser = study_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("weights")
    parser.add_argument("zip", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    options = parser.parse_args(arguments)
    bundle = read_bundle(options.bundle)
    model = bundle.manifest.model
    if model.variant != "float32":
        parser.error(f"got a bundle of {model.variant}, expected float32: the ONNX models are float32")
    made, size = bundle.manifest.provenance["backbone"], bundle.manifest.image.size
    backbone = load_backbone(made["name"], width=made["width"], resolution=size, weights=options.weights, cache=Path())
    if backbone.weights_sha256 != made["weights"]["sha256"]:
        parser.error(f"{options.weights} are not the weights that the bundle was made from")
    archive, pictures = validation_pictures(options.zip)
    crops = [crop(archive, picture, size) for picture in pictures[: options.pictures]]
    embeddings = embed(bundle, backbone, crops)
    predictions = score_all(bundle, embeddings["LiteRT"])
    print(f"{len(crops)} pictures, {model.features} features, {len(bundle.labels)} tags; each beside LiteRT:")
    print(table(embeddings, predictions))


def embed(bundle: Bundle, backbone: Backbone, crops: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Embeddings (N, D) by runtime."""
    executor, session = load_executor(bundle.files["model.tflite"], bundle.manifest), onnx_session(bundle, "embed")
    functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "LiteRT": lambda image: embed_image(executor, image),
        "ONNX Runtime": lambda image: session.run(None, {"image": image[None]})[0][0],
    }
    if bundle.manifest.classifier.transform == "none":
        in_jax = jax.jit(lambda images: forward(backbone, images))
        functions["JAX"] = lambda image: np.asarray(in_jax(image[None]))[0]
    return {name: np.stack([function(image) for image in tqdm(crops, name)]) for name, function in functions.items()}


def score_all(bundle: Bundle, x: np.ndarray) -> dict[str, Prediction]:
    """Predictions for embeddings (N, D) by runtime."""
    manifest, rows = bundle.manifest, bundle.rows
    executor, session = load_executor(bundle.files["model.tflite"], manifest), onnx_session(bundle, "score")
    blocks = split_blocks(rows, manifest.model.block)

    def score_onnx(embedding: np.ndarray) -> np.ndarray:
        inputs = [{"embedding": embedding[None], **block._asdict()} for block in blocks]
        return np.concatenate([session.run(None, block)[0] for block in inputs])[: len(rows.count)]

    scores = {
        "LiteRT": np.stack([score_rows(executor, embedding, rows) for embedding in x]),
        "ONNX Runtime": np.stack([score_onnx(embedding) for embedding in x]),
        "JAX": np.asarray(log_joint(refit(bundle), x)),
    }
    log_prior = log_class_prior(rows.count, manifest.classifier.class_prior)
    return {name: predict(values, None, log_prior, manifest.decision) for name, values in scores.items()}


def onnx_session(bundle: Bundle, name: str) -> Any:
    """One of the bundle's ONNX models, ready to run."""
    return onnxruntime.InferenceSession(bundle.files[f"onnx/{name}.onnx"])


def table(embeddings: dict[str, np.ndarray], predictions: dict[str, Prediction]) -> str:
    """Lay out how far JAX and ONNX Runtime are from LiteRT as a Markdown table."""
    lines = ["| | embedding, largest difference | same first prediction | same tag set |", "|---|---:|---:|---:|"]
    reference = predictions["LiteRT"]
    for name in ("JAX", "ONNX Runtime"):
        difference = f"{np.abs(embeddings[name] - embeddings['LiteRT']).max():.1e}" if name in embeddings else "-"
        prediction = predictions[name]
        same_first = (prediction.log_probability.argmax(1) == reference.log_probability.argmax(1)).mean()
        same_set = (prediction.in_set == reference.in_set).all(1).mean()
        lines.append(f"| {name} | {difference} | {100 * same_first:.2f} % | {100 * same_set:.2f} % |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
