"""Photographs of a camera's size embedded by two workers of Ray, by one process and by two, in one run.

python -m experiments.benchmarks.ray_workers [PHOTOGRAPHS] [--timed 8] [--repeats 3] [--rounds 3]

PHOTOGRAPHS is a zip of photographs; without one it is the two of scikit-learn. `--timed` of them are enlarged to 12
megapixels, and each is embedded `--repeats` times in a round. In each round the three take turns, from when their first
results are there, and all have to give the same embeddings. Rates are those of the clock, at the mercy of other
programs: trust the ratios. Prints a Markdown table.
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.common.arguments import study_parser
from experiments.common.photographs import camera_noise, enlarge, zipped_photographs
from experiments.common.tables import Column, markdown_table
from imagetagger.archive.embedding.embed import EmbeddedFile
from imagetagger.archive.embedding.files import embed_files
from imagetagger.archive.embedding.ray_files import embed_files_on_ray
from imagetagger.system.ray_tasks import ray_cluster

NOISE = 4
"""Standard deviation of the noise in grey levels: JPEGs of 3 MB."""
FIRST = 4
"""Results before the clock starts, while workers start."""
COLUMNS = (
    Column("workers", "workers"),
    Column("rate", "pictures a second", ".1f"),
    Column("ratio", "of one process, in the same round"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = study_parser(__doc__)
    parser.add_argument("photographs", type=Path, nargs="?")
    parser.add_argument("--timed", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(4000, 3000), metavar=("WIDTH", "HEIGHT"))
    options = parser.parse_args(arguments)
    small = sample_photographs(options.photographs, options.timed)
    noise = camera_noise(NOISE, tuple(options.size))
    with tempfile.TemporaryDirectory() as folder, ray_cluster(2):
        files = [Path(folder) / f"{i}.jpg" for i in range(len(small))]
        for file, photograph in zip(files, small, strict=True):
            file.write_bytes(enlarge(photograph, noise, tuple(options.size)))
        makers: dict[str, Callable[[], Iterator[EmbeddedFile]]] = {
            "1 process": lambda: embed_files(FIRST * files[:1] + options.repeats * files, workers=1),
            "2 processes": lambda: embed_files(FIRST * files[:1] + options.repeats * files, workers=2),
            "2 workers of Ray": lambda: embed_files_on_ray(FIRST * files[:1] + options.repeats * files),
        }
        rounds = [time_round(makers, turn) for turn in range(options.rounds)]
    rows = []
    for name in makers:
        ratios = [rates[name] / rates["1 process"] for rates in rounds]
        spread = f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append({"workers": name, "rate": np.median([rates[name] for rates in rounds]), "ratio": spread})
    print(markdown_table(rows, COLUMNS))


def sample_photographs(path: Path | None, count: int) -> list[bytes]:
    """Return photographs of a zip, or the two that come with scikit-learn again and again."""
    if path is not None:
        return zipped_photographs(path, count)
    from sklearn.datasets import load_sample_image

    found = []
    for name in ("china.jpg", "flower.jpg"):
        buffer = io.BytesIO()
        Image.fromarray(load_sample_image(name)).save(buffer, "JPEG", quality=95)
        found.append(buffer.getvalue())
    return [found[i % 2] for i in range(count)]


def time_round(makers: dict[str, Callable[[], Iterator[EmbeddedFile]]], turn: int) -> dict[str, float]:
    """Return the pictures a second of each, the first one another in each round, and compare their embeddings."""
    names = list(makers)
    rates, embeddings = {}, {}
    for name in names[turn % len(names) :] + names[: turn % len(names)]:
        results, times = [], []
        for result in makers[name]():
            results.append(result)
            times.append(time.perf_counter())
        rates[name] = (len(times) - FIRST) / (times[-1] - times[FIRST - 1])
        embeddings[name] = {one.path: expect_embedding(one).tobytes() for one in results}
    if any(one != embeddings["1 process"] for one in embeddings.values()):
        raise RuntimeError("the embeddings differ")
    return rates


def expect_embedding(file: EmbeddedFile) -> np.ndarray:
    """Return the embedding of a file; raise if it has none."""
    if file.embedding is None:
        raise RuntimeError(f"{file.path}: {file.problem}")
    return file.embedding


if __name__ == "__main__":
    main()
