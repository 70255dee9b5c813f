"""The report of many runs: `python -m imagetagger.report DIR...`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

HELP = """\
Turn the results of one or many runs into one page, tables and plots: report.html, four CSVs, plots/.

  python -m imagetagger.report outputs/sweep             all runs below it; the report goes into that folder
  python -m imagetagger.report outputs/a outputs/b       runs side by side; the report goes into ./report

The page is complete in itself: it opens offline, and prints."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a report of the runs that the arguments name, and tell where."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m imagetagger.report", description=HELP, formatter_class=raw)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folder of a run, or of many at any depth")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the report goes")
    options = parser.parse_args(arguments)
    from imagetagger.report import many, runs  # matplotlib takes a second, which --help need not
    from imagetagger.report.words import count

    try:
        found = runs.read(options.folders)
        out = options.out or place(options.folders)
        many.write(found, out)
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    for damaged in found.damaged:
        print(f"{damaged.path}: skipped: {damaged.reason}", file=sys.stderr)
    counts = f"{count(len(found.runs), 'run')}, {len(found.failed)} failed, {len(found.damaged)} skipped"
    again = f", {len(found.repeated)} told twice" if found.repeated else ""
    print(f"{counts}{again}. Report in {out / many.PAGE}")


def place(folders: Sequence[Path]) -> Path:
    """Return where a report goes that was told no place: into the one folder, unless that is a run's own."""
    if len(folders) == 1 and folders[0].is_dir() and not (folders[0] / "result.json").exists():
        return folders[0]
    return Path("report")


if __name__ == "__main__":
    main()
