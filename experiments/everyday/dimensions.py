"""How many dimensions a network's own classifier needs: accuracy, bytes and milliseconds of each choice.

python -m experiments.everyday.dimensions PHOTOGRAPHS [--weights FILE --backbone NAME]

Embeddings are those of the int8 network that the everyday bundle holds. Prints a table; writes dimensions.csv.
"""

import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from experiments.common.arguments import study_parser
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.weights import read_head
from imagetagger.bundle.executor import split_blocks
from imagetagger.bundle.reader import Rows
from imagetagger.classifier.fit import FittedClassifier, score_embeddings
from imagetagger.classifier.head import fit_head_classifier, fit_head_space
from imagetagger.classifier.reference import Reference
from imagetagger.convert.quantize import convert_cached
from imagetagger.convert.signatures import convert_classifier
from imagetagger.data.imagenet_photographs import load_imagenet_photographs
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import litert_runtime
from imagetagger.experiment.reference_stages import find_reference
from imagetagger.experiment.stages import quantization_drawings
from imagetagger.system.atomic_files import cache_directory

RESOLUTION, DRAWINGS, BLOCK = 224, 256, 64
DIMENSIONS = (255, 383, 511, 640, 704, 768, 1023, None)
REPEATS = 20


def main(arguments: Sequence[str] | None = None) -> None:
    """Embed once; fit, score and time each number of dimensions."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--weights", default="imagenet")
    options = parser.parse_args(arguments)
    cache = cache_directory()
    backbone = load_backbone(options.backbone, width=1.0, resolution=RESOLUTION, weights=options.weights, cache=cache)
    drawings = quantization_drawings(count=DRAWINGS, resolution=RESOLUTION)
    runtime = litert_runtime(convert_cached(backbone, RESOLUTION, cache, "int8", drawings))
    photographs = load_imagenet_photographs(options.photographs).train
    x = extract_embeddings(photographs, runtime, RESOLUTION, cache, name="photographs").embeddings
    head = read_head(Path(backbone.weights))
    reference = find_reference(
        backbone, runtime, reference="auto", transform="whitened", resolution=RESOLUTION, data="photographs"
    )
    if head is None or not isinstance(reference, Reference):
        raise SystemExit("these weights hold no classifier, or have no reference statistics")
    truth = photographs.labels[:, 0]
    logits = x @ head.weights.T + head.bias
    rows: list[Row] = [{"dimensions": "softmax"} | accuracy(logits, truth)]
    for dimensions in DIMENSIONS:
        space = fit_head_space(head.weights, head.bias, reference, dimensions)
        fitted = fit_head_classifier(space, x, photographs.labels)
        scores = score_embeddings(fitted, x).log_joint
        agreement = float((scores.argmax(1) == logits.argmax(1)).mean())
        size = compressed_bytes(space.weights.astype(np.float16)) + compressed_bytes(np.asarray(fitted.statistics.mean))
        row = {"dimensions": str(space.weights.shape[1]), "agreement": agreement, "megabytes": size / 1e6}
        rows.append(row | accuracy(scores, truth) | {"milliseconds": score_milliseconds(fitted)})
    print(table(rows))
    write_csv(rows, options.out / "dimensions.csv")


def accuracy(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Top-1 and top-5 of scores (N, C)."""
    order = np.argsort(-scores, 1)[:, :5]
    return {"top1": float((order[:, 0] == truth).mean()), "top5": float((order == truth[:, None]).any(1).mean())}


def compressed_bytes(array: np.ndarray) -> int:
    """Bytes of an array in a .zip."""
    return len(zlib.compress(np.ascontiguousarray(array).tobytes(), 9))


def score_milliseconds(fitted: FittedClassifier) -> float:
    """Median time of the score of one picture under all rows, in LiteRT on one thread."""
    model = convert_classifier(fitted.prior, "uniform", BLOCK)["score"]
    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner("score")
    blocks = split_blocks(Rows(*map(np.asarray, fitted.statistics)), BLOCK)
    embedding = np.zeros((1, blocks[0].mean.shape[1]), np.float32)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for block in blocks:
            runner(embedding=embedding, **block._asdict())
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def table(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    columns = [
        Column("dimensions"),
        Column("top1", "top-1", ".1%"),
        Column("top5", "top-5", ".1%"),
        Column("agreement", "same first tag as the softmax", ".1%"),
        Column("megabytes", "MB of matrix and rows", ".2f"),
        Column("milliseconds", "ms to score", ".1f"),
    ]
    return markdown_table(rows, columns)


if __name__ == "__main__":
    main()
