"""What a picture costs, in bytes and in a processor's time: the inputs of the arithmetic in docs/scale.md.

python -m experiments.benchmarks.scale [PHOTOGRAPHS] [--pictures 200] [--tags 100]

PHOTOGRAPHS is a zip of photographs; without one it is the two of scikit-learn. Times are those of the processor, in one
thread, so that other programs matter little. Prints a Markdown table.
"""

import functools
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.benchmarks.ray_workers import NOISE, sample_photographs
from experiments.common.arguments import study_parser
from experiments.common.photographs import camera_noise, enlarge
from experiments.common.tables import Column, markdown_table
from imagetagger.archive.catalogue.database import open_catalogue
from imagetagger.archive.catalogue.embeddings import store_embeddings
from imagetagger.archive.catalogue.reading import FileReading
from imagetagger.archive.catalogue.recording import record_readings
from imagetagger.archive.embedding.embed import embed_file
from imagetagger.archive.promise.leave_one_out import learn_rows, merge_tag_rows
from imagetagger.archive.shards.results import EmbeddedShard, ShardEntry, ShardListing, write_embedded, write_shard_rows
from imagetagger.bundle.executor import load_executor, score_rows
from imagetagger.bundle.reader import Rows, read_bundle
from imagetagger.everyday import everyday_bundle

SIZE = (4000, 3000)
SHARD_SIZE = 256
"""Side of the pictures that img2dataset writes by default."""
SHARD_PICTURES = 10_000
"""Pictures in a shard, by default."""
CATALOGUED = 10_000
COLUMNS = (Column("what", "what"), Column("cost", "of a picture"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = study_parser(__doc__)
    parser.add_argument("photographs", type=Path, nargs="?")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--tags", type=int, default=100)
    options = parser.parse_args(arguments)
    bundle = read_bundle(everyday_bundle())
    executor, image = load_executor(bundle.files["model.tflite"], bundle.manifest), bundle.manifest.image
    features = bundle.manifest.model.features
    photographs, noise = sample_photographs(options.photographs, options.pictures), camera_noise(NOISE, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.jpg", Path(folder) / "large.jpg"
        seconds = {small: 0.0, large: 0.0}
        for i, photograph in enumerate(photographs):
            small.write_bytes(shrink(photograph))
            if i % 10 == 0:
                large.write_bytes(enlarge(photograph, noise, SIZE))
            for file in (small, large) if i % 10 == 0 else (small,):
                seconds[file] += timed(functools.partial(embed_file, file, executor, image, exact=False))
        rates = {
            f"a file of {SHARD_SIZE} pixels a side embedded": len(photographs) / seconds[small],
            "a photograph of 12 megapixels embedded": -(-len(photographs) // 10) / seconds[large],
        }
        sizes = {
            "in the catalogue": catalogue_bytes(Path(folder), features),
            "in the embeddings of a shard": shard_bytes(Path(folder), features),
            f"in a shard's statistics of {options.tags} tags": rows_bytes(Path(folder), features, options.tags),
        }
    rows: list[dict[str, Any]] = [{"what": what, "cost": f"{size:,.0f} bytes"} for what, size in sizes.items()]
    rows += [{"what": what, "cost": f"{1000 / rate:.1f} ms: {rate:.1f} a second"} for what, rate in rates.items()]
    summed, merged = sum_times(features, options.tags)
    rows.append({"what": f"summed for {options.tags} tags", "cost": f"{1e6 * summed:.1f} µs"})
    rows.append({"what": "a shard's statistics merged", "cost": f"{1000 * merged:.1f} ms a shard"})
    scored = score_time(executor, features, options.tags)
    rows.append({"what": f"of the sample predicted without it, {options.tags} tags", "cost": f"{1000 * scored:.1f} ms"})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    rows.append({"what": "memory of this process at most", "cost": f"{peak / 1e6:,.0f} MB"})
    print(markdown_table(rows, COLUMNS))


def shrink(photograph: bytes) -> bytes:
    """Return a photograph as img2dataset writes it: a square of SHARD_SIZE, as a JPEG of quality 95."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(photograph)) as opened:
        opened.convert("RGB").resize((SHARD_SIZE, SHARD_SIZE)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def timed(function: Callable[[], object]) -> float:
    """Return the seconds of the processor that a call takes in this thread."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def catalogue_bytes(folder: Path, features: int) -> float:
    """Return the bytes that a picture adds to a catalogue, its embedding included."""
    rng, sizes = np.random.default_rng(0), []
    for part in range(2):
        with open_catalogue(folder / "catalogue.sqlite") as catalogue:
            numbers = range(part * CATALOGUED, (part + 1) * CATALOGUED)
            contents = [rng.bytes(20).hex() for _ in numbers]
            readings = [
                FileReading(
                    Path(f"/home/somebody/Pictures/2024/2024-08-{i % 28 + 1:02}/IMG_{i:05}.JPG"), 3_000_000, i, one
                )
                for i, one in zip(numbers, contents, strict=True)
            ]
            record_readings(catalogue, readings)
            store_embeddings(catalogue, "space", contents, rng.random((CATALOGUED, features), np.float32))
        sizes.append(sum(file.stat().st_size for file in folder.glob("catalogue.sqlite*")))
    return (sizes[1] - sizes[0]) / CATALOGUED


def shard_bytes(folder: Path, features: int) -> float:
    """Return the bytes of a picture in the embeddings of a shard, with one tag."""
    rng = np.random.default_rng(0)
    entries = tuple(ShardEntry(f"{i:09}", rng.bytes(20).hex(), (("animal", "dog"),)) for i in range(SHARD_PICTURES))
    embeddings = np.zeros((SHARD_PICTURES, features), np.float32)
    path = folder / "embeddings.safetensors"
    write_embedded(path, EmbeddedShard(ShardListing(entries, ()), embeddings), "fingerprint")
    return path.stat().st_size / SHARD_PICTURES


def rows_bytes(folder: Path, features: int, tags: int) -> float:
    """Return the bytes of a shard's statistics, shared among its pictures."""
    write_shard_rows(folder / "rows.safetensors", empty_rows(features, tags), "fingerprint")
    return (folder / "rows.safetensors").stat().st_size / SHARD_PICTURES


def empty_rows(features: int, tags: int) -> Rows:
    """Return statistics of no picture, float64."""
    return Rows(np.zeros(tags), np.zeros((tags, features)), np.zeros((tags, features)))


def sum_times(features: int, tags: int) -> tuple[float, float]:
    """Return the seconds of summing a picture with two tags, and of merging the statistics of a shard."""
    rng = np.random.default_rng(0)
    embeddings = rng.random((SHARD_PICTURES, features), np.float32)
    labels = np.zeros((SHARD_PICTURES, tags), bool)
    for _ in range(2):
        labels[np.arange(SHARD_PICTURES), rng.integers(0, tags, SHARD_PICTURES)] = True
    rows = learn_rows(empty_rows(features, tags), embeddings, labels)
    summed = timed(lambda: learn_rows(empty_rows(features, tags), embeddings, labels))
    return summed / SHARD_PICTURES, timed(lambda: merge_tag_rows(rows, rows))


def score_time(executor: Any, features: int, tags: int, count: int = 20) -> float:
    """Return the seconds of scoring a picture under all tags, which predicting it without itself mostly is."""
    rows = Rows(*(part.astype(np.float32) for part in empty_rows(features, tags + 1)))
    embedding = np.zeros(features, np.float32)
    return timed(lambda: [score_rows(executor, embedding, rows) for _ in range(count)]) / count


if __name__ == "__main__":
    main()
