"""Three executions of one float32 bundle on real pictures: JAX, LiteRT and ONNX Runtime.

python experiments/executions.py BUNDLE WEIGHTS TINY_IMAGENET_ZIP [--pictures 1000]

BUNDLE is one of `+experiment=tiny_imagenet export=float32`, WEIGHTS and the zip what that run was given. Prints the
largest difference of an embedding, and, all given LiteRT's embeddings, the share of equal decisions: first guess,
and whole tag set. A bundle with a transform does not hold it apart from the network, so there JAX, which has the
network alone, only decides.
"""

import argparse
from pathlib import Path

import jax
import numpy as np
import onnxruntime
from tqdm import tqdm

from imagetagger.backbones.model import forward
from imagetagger.backbones.weights import load_backbone
from imagetagger.bundle.executor import embed_image, load_executor, score_rows, split_blocks
from imagetagger.bundle.manifest import Manifest
from imagetagger.bundle.reader import Rows, read_bundle
from imagetagger.classifier.naive_bayes import Gaussian, finalize, fit_prior, log_joint
from imagetagger.classifier.statistics import Statistics
from imagetagger.data.tiny_imagenet import open_archive, read_examples
from imagetagger.prediction.decision import apply_decision
from imagetagger.preprocess import preprocess


def main() -> None:
    """Run all three and print how they compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("weights")
    parser.add_argument("zip", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    arguments = parser.parse_args()
    bundle = read_bundle(arguments.bundle)
    manifest, rows = bundle.manifest, bundle.rows
    if manifest.model.variant != "float32":
        parser.error(f"got a bundle of {manifest.model.variant}, expected float32: the ONNX models are float32")
    made, size, features = manifest.provenance["backbone"], manifest.image.size, manifest.model.features
    backbone = load_backbone(
        made["name"], width=made["width"], resolution=size, weights=arguments.weights, cache=Path()
    )
    if backbone.weights_sha256 != made["weights"]["sha256"]:
        parser.error(f"{arguments.weights} are not the weights that the bundle was made from")
    archive = open_archive(arguments.zip)
    examples = read_examples(archive, "validation")[: arguments.pictures]
    crops = [preprocess(archive.read(example.file), size) for example in examples]

    litert = load_executor(bundle.files["model.tflite"], manifest)
    sessions = {name: onnxruntime.InferenceSession(bundle.files[f"onnx/{name}.onnx"]) for name in ("embed", "score")}
    embeddings = {
        "LiteRT": np.stack([embed_image(litert, crop) for crop in tqdm(crops, "LiteRT")]),
        "ONNX Runtime": np.stack(
            [sessions["embed"].run(None, {"image": crop[None]})[0][0] for crop in tqdm(crops, "ONNX Runtime")]
        ),
    }
    if manifest.classifier.transform == "none":
        in_jax = jax.jit(lambda images: forward(backbone, images))
        embeddings["JAX"] = np.stack([np.asarray(in_jax(crop[None]))[0] for crop in tqdm(crops, "JAX")])
    given = embeddings["LiteRT"]
    blocks = split_blocks(rows, manifest.model.block)

    def score_onnx(embedding: np.ndarray) -> np.ndarray:
        inputs = [{"embedding": embedding[None], **block._asdict()} for block in blocks]
        return np.concatenate([sessions["score"].run(None, one)[0] for one in inputs])[: len(rows.count)]

    scores = {
        "LiteRT": np.stack([score_rows(litert, embedding, rows) for embedding in given]),
        "ONNX Runtime": np.stack([score_onnx(embedding) for embedding in given]),
        "JAX": np.asarray(log_joint(refitted(manifest, rows), given)),
    }
    # As a tagger does: a tag without pictures is none, also where a row without pictures scores as the background.
    decided = {n: apply_decision(np.where(rows.count > 0, s, -np.inf), manifest.decision) for n, s in scores.items()}
    wanted, wanted_sets = decided["LiteRT"]
    print(f"{len(crops)} pictures, {features} features, {len(rows.count)} tags; each beside LiteRT:")
    print("| | embedding, largest difference | same first guess | same tag set |\n|---|---:|---:|---:|")
    for name in ("JAX", "ONNX Runtime"):
        apart = f"{np.abs(embeddings[name] - given).max():.1e}" if name in embeddings else "-"
        log_p, sets = decided[name]
        first, same = (log_p.argmax(1) == wanted.argmax(1)).mean(), (sets == wanted_sets).all(1).mean()
        print(f"| {name} | {apart} | {100 * first:.2f} % | {100 * same:.2f} % |")


def refitted(manifest: Manifest, rows: Rows) -> Gaussian:
    """Return the classifier of a bundle's statistics, by the settings that it says it was made with."""
    made, settings = manifest.provenance["config"]["classifier"], manifest.classifier
    kappa = np.inf if settings.kappa is None else settings.kappa
    statistics = Statistics(*rows)
    isotropic_prior_strength = np.inf if made["isotropic_prior_strength"] is None else made["isotropic_prior_strength"]
    prior = fit_prior(statistics, kappa, settings.smoothing, made["mean_variance_floor"], isotropic_prior_strength)
    return finalize(statistics, prior, settings.class_prior)


if __name__ == "__main__":
    main()
