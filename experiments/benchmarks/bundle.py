"""A bundle's `score` and `merge` in LiteRT beside JAX: equal decisions, and what a lesson and 1,000 tags cost.

python experiments/benchmarks/bundle.py BUNDLE ZIP [--pictures 10000]

BUNDLE was made from Tiny ImageNet, whose validation pictures go the user's way: decoded, cropped and embedded by the
bundle. JAX is given the same embeddings. Times are those of one core, the median of 5 rounds.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from imagetagger.bundle.executor import (
    embed_image,
    lesson_row,
    load_executor,
    merge_rows,
    score_block,
    score_rows,
    split_blocks,
)
from imagetagger.bundle.reader import Bundle, Rows, read_bundle
from imagetagger.classifier.naive_bayes import Gaussian, Statistics, finalize, fit_prior, log_joint
from imagetagger.data.tiny_imagenet import open_archive, read_examples, read_tags
from imagetagger.prediction.decision import apply_decision
from imagetagger.preprocess import preprocess

TAGS = 1000


def main() -> None:
    """Embed, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("zip", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    given = parser.parse_args()
    bundle = read_bundle(given.bundle)
    executor, size = load_executor(bundle.files["model.tflite"], bundle.manifest), bundle.manifest.image.size
    archive = open_archive(given.zip)
    if [tag.id for tag in read_tags(archive)] != [label.id for label in bundle.labels]:
        parser.error(f"the tags of {given.bundle} are not those of {given.zip}: give a bundle of Tiny ImageNet")
    examples = read_examples(archive, "validation")[: given.pictures]
    with ThreadPoolExecutor() as pool:
        crops = pool.map(lambda example: preprocess(archive.read(example.file), size), examples)
        x = np.stack([embed_image(executor, crop) for crop in tqdm(crops, total=len(examples), disable=None)])
    row = {label.id: i for i, label in enumerate(bundle.labels)}
    truth = np.array([row[example.wnid] for example in examples])
    in_litert = np.stack([score_rows(executor, one, bundle.rows) for one in tqdm(x, "LiteRT", disable=None)])
    in_jax = np.asarray(log_joint(classifier(bundle), x))
    order = np.argsort(-in_litert, 1)
    sets = [apply_decision(scores, bundle.manifest.decision)[1] for scores in (in_litert, in_jax)]
    held = sets[0][np.arange(len(truth)), truth].mean()
    print(
        f"{len(x)} pictures, {x.shape[1]} features: top-1 {100 * (order[:, 0] == truth).mean():.2f} %, "
        f"top-5 {100 * (order[:, :5] == truth[:, None]).any(1).mean():.2f} %, right tag in the set {100 * held:.2f} %\n"
        f"LiteRT and JAX: same first guess {100 * (in_jax.argmax(1) == order[:, 0]).mean():.2f} %, "
        f"same tag set {100 * (sets[0] == sets[1]).all(1).mean():.2f} %"
    )
    many = np.random.default_rng(0).integers(0, len(bundle.labels), TAGS)
    blocks = split_blocks(Rows(*(part[many] for part in bundle.rows)), bundle.manifest.model.block)
    one = Rows(*(part[:1] for part in bundle.rows))
    scoring = median_seconds(lambda: [score_block(executor, x[0], block) for block in blocks], 50)
    learning = median_seconds(lambda: merge_rows(executor, one, lesson_row(x[0])), 2000)
    print(f"scoring {TAGS} tags {1e3 * scoring:.2f} ms, a lesson {1e6 * learning:.0f} us")


def classifier(bundle: Bundle) -> Gaussian:
    """Return what JAX makes of the bundle's rows, with the settings that it was made with."""
    made, statistics = bundle.manifest.provenance["config"]["classifier"], Statistics(*bundle.rows)
    kappa = np.inf if made["kappa"] is None else made["kappa"]
    isotropic_prior_strength = np.inf if made["isotropic_prior_strength"] is None else made["isotropic_prior_strength"]
    prior = fit_prior(statistics, kappa, made["smoothing"], made["mean_variance_floor"], isotropic_prior_strength)
    return jax.block_until_ready(finalize(statistics, prior, made["class_prior"]))


def median_seconds(function: Callable[[], object], times: int) -> float:
    """Return the seconds of one call: the median of 5 rounds."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            function()
        rounds.append((time.perf_counter() - start) / times)
    return float(np.median(rounds))


if __name__ == "__main__":
    main()
