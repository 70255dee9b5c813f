"""A bundle's `score` and `merge` in LiteRT beside JAX: equal decisions, and what a lesson and 1,000 tags cost.

python -m experiments.benchmarks.bundle BUNDLE ZIP [--pictures 10000]

BUNDLE was made from Tiny ImageNet. Its validation pictures are treated as a user's: decoded, cropped and embedded by
the bundle. JAX gets the same embeddings. Times are those of one core, the median of 5 rounds.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.common.arguments import study_parser
from experiments.common.bundles import crop, refit, validation_pictures
from imagetagger.bundle.executor import (
    embed_image,
    lesson_row,
    load_executor,
    merge_rows,
    score_block,
    score_rows,
    split_blocks,
)
from imagetagger.bundle.reader import Rows, read_bundle
from imagetagger.classifier.naive_bayes import log_joint
from imagetagger.data.tiny_imagenet import read_tags
from imagetagger.prediction.predict import log_class_prior, predict

TAGS = 1000
SCORING_CALLS, LEARNING_CALLS = 50, 2000


def main(arguments: Sequence[str] | None = None) -> None:
    """Embed, compare, time, print."""
    parser = study_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("zip", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    options = parser.parse_args(arguments)
    bundle = read_bundle(options.bundle)
    manifest, rows, gaussian = bundle.manifest, bundle.rows, refit(bundle)
    executor, size = load_executor(bundle.files["model.tflite"], manifest), manifest.image.size
    archive, pictures = validation_pictures(options.zip)
    if [tag.id for tag in read_tags(archive)] != [label.id for label in bundle.labels]:
        parser.error(f"the tags of {options.bundle} are not those of {options.zip}: give a bundle of Tiny ImageNet")
    pictures = pictures[: options.pictures]
    with ThreadPoolExecutor() as pool:
        crops = pool.map(lambda picture: crop(archive, picture, size), pictures)
        x = np.stack([embed_image(executor, image) for image in tqdm(crops, total=len(pictures), disable=None)])
    index = {label.id: i for i, label in enumerate(bundle.labels)}
    y = np.array([index[picture.wnid] for picture in pictures])
    scores = (
        np.stack([score_rows(executor, embedding, rows) for embedding in tqdm(x, "LiteRT", disable=None)]),
        np.asarray(log_joint(gaussian, x)),
    )
    log_prior = log_class_prior(rows.count, manifest.classifier.class_prior)
    litert, jax = (predict(values, None, log_prior, manifest.decision) for values in scores)
    order = np.argsort(-litert.log_probability, 1)
    print(
        f"{len(x)} pictures, {x.shape[1]} features: top-1 {100 * (order[:, 0] == y).mean():.2f} %, "
        f"top-5 {100 * (order[:, :5] == y[:, None]).any(1).mean():.2f} %, "
        f"right tag in the set {100 * litert.in_set[np.arange(len(y)), y].mean():.2f} %\n"
        f"LiteRT and JAX: same first prediction {100 * (jax.log_probability.argmax(1) == order[:, 0]).mean():.2f} %, "
        f"same tag set {100 * (litert.in_set == jax.in_set).all(1).mean():.2f} %"
    )
    sample = np.random.default_rng(0).integers(0, len(bundle.labels), TAGS)
    blocks = split_blocks(Rows(*(part[sample] for part in rows)), manifest.model.block)
    row = Rows(*(part[:1] for part in rows))
    scoring = median_seconds(lambda: [score_block(executor, x[0], block) for block in blocks], SCORING_CALLS)
    learning = median_seconds(lambda: merge_rows(executor, row, lesson_row(x[0])), LEARNING_CALLS)
    print(f"scoring {TAGS} tags {1e3 * scoring:.2f} ms, a lesson {1e6 * learning:.0f} us")


def median_seconds(function: Callable[[], object], calls: int) -> float:
    """Seconds of one call: the median of 5 rounds."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        rounds.append((time.perf_counter() - start) / calls)
    return float(np.median(rounds))


if __name__ == "__main__":
    main()
