"""The command `track`."""

import argparse

from imagetagger.cli.terminal import print_line, print_problem
from imagetagger.system.extras import experiments_needed


def run_track(options: argparse.Namespace) -> int | str:
    """Copy finished runs into a tracker."""
    with experiments_needed():
        from imagetagger.tracking.track import require_tracker, track_folders

    require_tracker(options.to)
    try:
        tracking = track_folders(options.folders, options.to, options.location, with_bundle=options.with_bundle)
    except Exception as error:  # of a library that reaches a server or a database: anything
        return f"{options.to}: {error}"
    for damaged in tracking.damaged:
        print_problem(f"{damaged.path}: skipped: {damaged.reason}")
    for run, status in tracking.runs:
        print_line(f"{status:10}{run.folder}")
    print_line(f"{options.to}: {tracking.summary()}")
    return 0
