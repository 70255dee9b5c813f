"""Embed photographs of a camera's size: what decoding at a smaller scale gains and loses, and processes beside threads.

python -m experiments.benchmarks.archive PHOTOGRAPHS [--count 600] [--timed 12] [--rounds 3]

PHOTOGRAPHS is a zip of photographs; `--count` of them are enlarged to 12 megapixels for the loss, `--timed` for the
rates. Full and scaled decoding take each picture in turn, so that other programs slow both alike, and their time is the
processor's. A complete file is read, identified, decoded and embedded. The rates of workers are those of the clock, at
the mercy of other programs. Prints Markdown tables.
"""

import functools
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from experiments.common.arguments import study_parser
from experiments.common.photographs import camera_noise, enlarge, zipped_photographs
from experiments.common.tables import Column, Row, markdown_table
from imagetagger import Tagger
from imagetagger.archive.embedding.embed import EmbeddedFile, embed_file
from imagetagger.archive.embedding.files import embed_files
from imagetagger.bundle.executor import Executor, embed_image, load_executor
from imagetagger.bundle.reader import Bundle, read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.prediction.predict import sets_at
from imagetagger.preprocess import preprocess, preprocess_scaled
from imagetagger.system.cpus import cpu_count

SIZE = (4000, 3000)
NOISES = (0, 2, 4)
"""Standard deviations of the noise in grey levels: JPEGs of about 0.8, 1.7 and 3 MB."""
REPEATS = 3
"""How often workers embed each timed picture in a round."""
SIDES = (2, 1.5)
"""Least shorter sides that are compared, in sides of the network's input."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = study_parser(__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--timed", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    bundle = read_bundle(everyday_bundle())
    executor = load_executor(bundle.files["model.tflite"], bundle.manifest)
    photographs = zipped_photographs(options.photographs, options.timed)
    with tempfile.TemporaryDirectory() as folder:
        files = {noise: write_enlarged(photographs, noise, Path(folder)) for noise in NOISES}
        rows = [time_files(files[noise], noise, bundle, executor, options.rounds) for noise in NOISES]
        print(markdown_table(rows, RATE_COLUMNS))
        rows = time_workers(REPEATS * files[NOISES[-1]], bundle, options.rounds)
        print("", markdown_table(rows, WORKER_COLUMNS), sep="\n")
    rows = []
    for level in NOISES:
        noise = camera_noise(level, SIZE)
        enlarged = (enlarge(data, noise, SIZE) for data in zipped_photographs(options.photographs, options.count))
        rows += [{"noise": level, **row} for row in measure_loss(enlarged, bundle, executor)]
    print("", markdown_table(rows, LOSS_COLUMNS), sep="\n")


def write_enlarged(photographs: Iterable[bytes], level: float, folder: Path) -> list[Path]:
    """Write photographs with noise into a folder."""
    noise, paths = camera_noise(level, SIZE), []
    for i, data in enumerate(photographs):
        paths.append(folder / f"{level}-{i}.jpg")
        paths[-1].write_bytes(enlarge(data, noise, SIZE))
    return paths


STEPS = ("decoded", "scaled", "scaled more", "file", "file scaled")
RATE_COLUMNS = (
    Column("noise", "noise, grey levels", ".0f"),
    Column("bytes", "file", ".1f", 1e-6, " MB"),
    Column("decoded", "decoded in full", ".0f", 1000, " ms"),
    *(Column(name, f"scaled to {sides} sides") for name, sides in zip(STEPS[1:3], SIDES, strict=True)),
    Column("file", "complete file, in full", ".0f", 1000, " ms"),
    Column("file scaled", "complete file, scaled"),
)


def time_files(files: Sequence[Path], noise: float, bundle: Bundle, executor: Executor, rounds: int) -> Row:
    """Return the processor's median seconds of each step, and how many times as many a second are done when scaled."""
    image = bundle.manifest.image
    functions: tuple[Callable[[Path], Any], ...] = (
        lambda path: preprocess(path, image.size),
        *(functools.partial(preprocess_scaled, size=image.size, sides=sides) for sides in SIDES),
        lambda path: check(embed_file(path, executor, image, exact=True)),
        lambda path: check(embed_file(path, executor, image, exact=False)),
    )
    seconds = np.zeros((rounds, len(files), len(STEPS)))
    for turn in range(rounds):
        for i, path in enumerate(files):
            for k in range(len(STEPS)):
                step = (turn + i + k) % len(STEPS)
                start = time.thread_time()
                functions[step](path)
                seconds[turn, i, step] = time.thread_time() - start
    medians, totals = np.median(seconds, (0, 1)), seconds.sum(1)
    row: dict[str, Any] = {"noise": noise, "bytes": np.mean([path.stat().st_size for path in files])}
    for step, full in ((0, 0), (1, 0), (2, 0), (3, 3), (4, 3)):
        ratios = totals[:, full] / totals[:, step]
        gain = f"{np.median(ratios):.1f} x ({ratios.min():.1f} to {ratios.max():.1f})"
        row[STEPS[step]] = medians[step] if step == full else f"{1000 * medians[step]:.0f} ms, {gain}"
    return row


def check(file: EmbeddedFile) -> None:
    """Raise if a file was not embedded."""
    if file.problem:
        raise RuntimeError(f"{file.path}: {file.problem}")


WORKER_COLUMNS = (
    Column("workers", "workers"),
    Column("rate", "pictures a second", ".1f"),
    Column("range", "range of the rounds"),
)


def time_workers(files: Sequence[Path], bundle: Bundle, rounds: int) -> list[Row]:
    """Return the rates of scaled pictures by one process, by as many as there are cores, and by as many threads."""
    cores = cpu_count()
    makers = {
        "1 process": lambda: embed_files(files, workers=1),
        f"{cores} processes": lambda: embed_files(files, workers=cores),
        f"{cores} threads": lambda: embed_by_threads(files, bundle, cores),
    }
    rates = {name: [steady_rate(make(), 2 * cores) for _ in range(rounds)] for name, make in makers.items()}
    return [
        {"workers": name, "rate": np.median(found), "range": f"{min(found):.1f} to {max(found):.1f}"}
        for name, found in rates.items()
    ]


def embed_by_threads(files: Sequence[Path], bundle: Bundle, threads: int) -> Iterator[EmbeddedFile]:
    """Yield files embedded by threads, each with a model of its own."""
    idle: SimpleQueue[Executor] = SimpleQueue()
    for _ in range(threads):
        idle.put(load_executor(bundle.files["model.tflite"], bundle.manifest))

    def embed(path: Path) -> EmbeddedFile:
        executor = idle.get()
        try:
            return embed_file(path, executor, bundle.manifest.image, exact=False)
        finally:
            idle.put(executor)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(embed, files)


def steady_rate(results: Iterable[EmbeddedFile], skipped: int) -> float:
    """Return the results a second after the first ones, before which workers start."""
    times = []
    for file in results:
        check(file)
        times.append(time.perf_counter())
    skipped = min(skipped, len(times) - 2)
    return (len(times) - 1 - skipped) / (times[-1] - times[skipped])


LOSS_COLUMNS = (
    Column("noise", "noise, grey levels", ".0f"),
    Column("sides", "decoded to at least, sides of the input", ".1f"),
    Column("top1", "same first tag", ".1%"),
    Column("set", "same tag set", ".1%"),
    Column("cosine", "median cosine", ".4f"),
    Column("least", "least cosine", ".4f"),
)


def measure_loss(pictures: Iterable[bytes], bundle: Bundle, executor: Executor) -> list[Row]:
    """Compare embeddings, first tags and tag sets of scaled pictures with those of all pixels."""
    tagger, image, rule = Tagger.load(), bundle.manifest.image, bundle.manifest.decision.prediction_set
    cosines, tops, sets = [], [], []
    for data in pictures:
        crops = [preprocess(data, image.size), *(preprocess_scaled(data, image.size, sides=sides) for sides in SIDES)]
        embeddings = np.stack([embed_image(executor, crop) for crop in crops])
        probability = np.stack([tagger.probabilities(embedding) for embedding in embeddings])
        in_set = sets_at(np.log(np.maximum(probability, 1e-300)), rule)
        unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        cosines.append(unit[1:] @ unit[0])
        tops.append(probability[1:].argmax(1) == probability[0].argmax())
        sets.append((in_set[1:] == in_set[0]).all(1))
    columns = zip(SIDES, np.mean(tops, 0), np.mean(sets, 0), np.median(cosines, 0), np.min(cosines, 0), strict=True)
    return [dict(zip(("sides", "top1", "set", "cosine", "least"), values, strict=True)) for values in columns]


if __name__ == "__main__":
    main()
