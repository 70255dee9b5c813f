"""The commands `verify` and `report`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from imagetagger.cli.terminal import print_line, print_problem
from imagetagger.system.extras import experiments_needed


def run_verify(options: argparse.Namespace) -> int | str:
    """Check a bundle."""
    from imagetagger.bundle.manifest import BundleError
    from imagetagger.bundle.verify import verify_bundle

    try:
        lines = verify_bundle(options.bundle)
    except (BundleError, OSError) as error:
        print_problem(f"{options.bundle}: NOT a sound bundle.")
        return str(error)
    for line in (*lines, f"{options.bundle}: sound."):
        print_line(line)
    return 0


def run_report(options: argparse.Namespace) -> int | str:
    """Compare many runs."""
    with experiments_needed():
        from imagetagger.report.comparison.page import PAGE, write_comparison
        from imagetagger.report.comparison.runs import read_runs
        from imagetagger.report.formatting import count

    out = options.out or default_folder(options.folders)
    try:
        runs = read_runs(options.folders)
        write_comparison(runs, out)
    except ValueError as error:
        return str(error)
    for damaged in runs.damaged:
        print_problem(f"{damaged.path}: skipped: {damaged.reason}")
    counts = f"{count(len(runs.runs), 'run')}, {len(runs.failed)} failed, {len(runs.damaged)} skipped"
    repeated = f", {len(runs.repeated)} duplicates" if runs.repeated else ""
    print_line(f"{counts}{repeated}. Report in {out / PAGE}")
    return 0


def default_folder(folders: Sequence[Path]) -> Path:
    """Where a report goes without --out: into the only folder, unless that is the folder of a run."""
    if len(folders) == 1 and folders[0].is_dir() and not (folders[0] / "result.json").exists():
        return folders[0]
    return Path("report")
