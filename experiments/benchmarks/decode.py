"""Milliseconds of decoding and fitting photographs to the network's input, against another version of the code.

python -m experiments.benchmarks.decode PHOTOGRAPHS [--against FILE] [--size 224] [--rounds 5]

PHOTOGRAPHS is a zip or a folder. FILE is another `preprocess.py`, or the folder of another checkout. Both versions take
each picture in turn, the first one alternately, and the time is the processor's of this thread: other programs that run
at the same time slow both alike. Prints the median ratio of the rounds with its range.
"""

import importlib.util
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from experiments.common.arguments import study_parser
from imagetagger.preprocess import BadImageError, preprocess

Preprocess = Callable[[bytes, int], np.ndarray]


def read_photographs(path: Path) -> list[bytes]:
    """Read all files of a zip or a folder."""
    if path.is_dir():
        return [file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(info) for info in archive.infolist() if not info.is_dir()]


def load_preprocess(path: Path) -> Preprocess:
    """Load the function `preprocess` of another version, beside this one's."""
    file = path / "imagetagger" / "preprocess.py" if path.is_dir() else path
    spec = importlib.util.spec_from_file_location("other_preprocess", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["other_preprocess"] = module
    spec.loader.exec_module(module)
    function: Preprocess = module.preprocess
    return function


def time_round(versions: Sequence[Preprocess], pictures: Sequence[bytes], size: int, turn: int) -> np.ndarray:
    """Return the seconds that each version takes for all pictures; they alternate with each picture."""
    seconds = np.zeros(len(versions))
    for i, picture in enumerate(pictures):
        for k in range(len(versions)):
            version = (i + turn + k) % len(versions)
            start = time.thread_time()
            versions[version](picture, size)
            seconds[version] += time.thread_time() - start
    return seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = study_parser(__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    versions: list[Preprocess] = [preprocess, load_preprocess(options.against)] if options.against else [preprocess]
    pictures = []
    for data in read_photographs(options.photographs):
        try:
            crops = [version(data, options.size) for version in versions]
        except BadImageError:
            continue
        assert all(np.array_equal(crops[0], crop) for crop in crops), "the versions give different pixels"
        pictures.append(data)
    rounds = np.array([time_round(versions, pictures, options.size, turn) for turn in range(options.rounds)])
    print(f"{len(pictures)} pictures, {np.median(rounds[:, 0]) / len(pictures) * 1000:.3f} ms each")
    if options.against:
        ratios = rounds[:, 0] / rounds[:, 1]
        print(f"of the other version's time: {np.median(ratios):.4f} ({ratios.min():.4f} to {ratios.max():.4f})")


if __name__ == "__main__":
    main()
