"""How long 100 points of thresholds x data set sizes take: as 100 jobs of Hydra, and as jobs that do all thresholds.

python -m experiments.benchmarks.sweep ZIP [--weights FILE]

Both run `+experiment=threshold_x_size` in a process of their own, from its start to the report, with embeddings from
the cache; run `+experiment=whitened` first. Prints seconds, also of the jobs in which only the threshold is new.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.common.arguments import study_parser
from imagetagger.experiment.record import Record, read_record

COVERAGES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both sweeps and print how long they take."""
    parser = study_parser(__doc__)
    parser.add_argument("zip", type=Path, help="Tiny ImageNet's official zip")
    parser.add_argument("--weights", default="imagenet", help="of MobileNetV2: a file, or imagenet to download them")
    options = parser.parse_args(arguments)
    shared = (f"data.path={options.zip.resolve()}", f"backbone.weights={options.weights}")
    jobs, _ = timed(*shared, f"calibrate.coverage={','.join(map(str, COVERAGES))}")
    once, points = timed(*shared)
    print(f"{points} points in one pass per size are {jobs / once:.1f} times as fast as 100 jobs")


def timed(*overrides: str) -> tuple[float, int]:
    """Run the sweep in a new folder; print and return its seconds, and return how many points it has."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "imagetagger.run", "-m", "+experiment=threshold_x_size", *overrides]
        start = time.perf_counter()
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        records = [read_record(path) for path in Path(folder).glob("*/result.json")]
    points = sum(len(record.coverage_curve.target) for record in records)
    repeated = sorted(stage_seconds(record) for record in records if record.stages["fit"].cached)
    median = f", {repeated[len(repeated) // 2]:.2f} s each where only the threshold is new" if repeated else ""
    print(f"{len(records)} jobs: {seconds:.1f} s in all{median}", flush=True)
    return seconds, points


def stage_seconds(record: Record) -> float:
    """Seconds of all stages."""
    return sum(stage.seconds for stage in record.stages.values())


if __name__ == "__main__":
    main()
