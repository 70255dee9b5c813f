"""How long 100 points of thresholds x data set sizes take: as 100 jobs of Hydra, and with thresholds in one pass a job.

python experiments/benchmarks/sweep.py ZIP [--weights FILE]

Both run `+experiment=threshold_x_size` in a process of their own, from its start to the report, over embeddings that
the cache holds; run +experiment=whitened before. Prints seconds, and what the jobs took apart from their first ones.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COVERAGES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)


def main() -> None:
    """Run both sweeps and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zip", type=Path, help="Tiny ImageNet's official zip")
    parser.add_argument("--weights", default="imagenet", help="of MobileNetV2: a file, or imagenet to download them")
    given = parser.parse_args()
    shared = (f"data.path={given.zip.resolve()}", f"backbone.weights={given.weights}")
    jobs, _ = timed(*shared, f"calibrate.coverage={','.join(map(str, COVERAGES))}")
    once, points = timed(*shared)
    print(f"{points} points in one pass a size are {jobs / once:.1f} times as fast as 100 jobs")


def timed(*overrides: str) -> tuple[float, int]:
    """Run the sweep in a folder of its own; print and return its seconds, and how many points it gave."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "imagetagger.run", "-m", "+experiment=threshold_x_size", *overrides]
        start = time.perf_counter()
        subprocess.run([*command, f"hydra.sweep.dir={folder}"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        results = [json.loads(path.read_text()) for path in Path(folder).glob("*/result.json")]
    points = sum(len(result["demands"]["asked"]) for result in results)
    again = sorted(sum(s["seconds"] for s in result["stages"].values()) for result in results if kept(result))
    each = f", {again[len(again) // 2]:.2f} s each where only the threshold is new" if again else ""
    print(f"{len(results)} jobs: {seconds:.1f} s in all{each}", flush=True)
    return seconds, points


def kept(result: dict) -> bool:
    """Return whether a job found its classifier among what others had left."""
    return bool(result["stages"]["fit"]["cached"])


if __name__ == "__main__":
    main()
