"""Does a photo library lose anything if its tagging is killed, or done by two processes at once?

python -m experiments.archive_kills.run ../shared/photographs-600.zip [--count 10000] [--kills 10]

Makes a library by seeds. `imagetagger archive tag` tags it without interruption; again from the beginning, killed with
kill -9 at random moments and started again; and by two processes side by side. Catalogues and sidecars are compared bit
by bit. Prints a table; writes results.csv. The exit code is 1 if a state differs.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.archive_kills.library import make_library
from experiments.archive_kills.states import (
    LibraryState,
    differences,
    read_sidecars,
    read_state,
    restore_sidecars,
)
from experiments.common.arguments import study_parser
from experiments.common.photographs import zipped_photographs
from experiments.common.tables import Column, Row, markdown_table, write_csv

ROOT = Path(__file__).parents[2]
COLUMNS = (
    Column("scenario", "tagged"),
    Column("pictures", "pictures", ",.0f"),
    Column("kills", "kills"),
    Column("seconds", "seconds", ".1f"),
    Column("embedded", "embedded", ",.0f"),
    Column("twice", "of them twice"),
    Column("sidecars", "sidecars with tags of ours", ",.0f"),
    Column("different", "differs"),
)
OURS = b"urn:imagetagger:archive:"


class Place(NamedTuple):
    """Where the study works: the library, its sidecars as people left them, and what tagging is called with."""

    folder: Path
    library: Path
    sidecars: dict[Path, bytes]
    options: tuple[str, ...]

    @property
    def catalogue(self) -> Path:
        """Return the catalogue's file."""
        return self.folder / "state" / "archive.sqlite"

    @property
    def notes(self) -> Path:
        """Return the file with the content ids of the pictures that were embedded."""
        return self.folder / "state" / "notes"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("zip", type=Path, help="photographs-600.zip")
    parser.add_argument("--count", type=int, default=10_000, help="pictures of the library")
    parser.add_argument("--photographs", type=int, default=600, help="that the pictures are parts of")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--passes", type=int, default=3, help="second passes to time")
    parser.add_argument("--bundle", type=Path, help="folder or .zip (default: the everyday one)")
    parser.add_argument("--precision", default="0.5", help="least probability of a tag that is written")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        make_library(zipped_photographs(options.zip, options.photographs), library, options.count)
        bundle = ("--bundle", str(options.bundle.absolute())) if options.bundle else ()
        place = Place(Path(folder), library, read_sidecars(library), ("--precision", options.precision, *bundle))
        rows = measure(place, options.kills, options.passes)
    print(markdown_table(rows, COLUMNS))
    write_csv(rows, options.out / "results.csv")
    return int(any(row["different"] for row in rows))


def measure(place: Place, kills: int, passes: int) -> list[Row]:
    """Tag the library in all ways; return a row each."""
    begin_again(place)
    seconds = timed(lambda: finish(start(place)))
    expected = read_state(place.catalogue, place.library)
    rows = [make_row("once", place, seconds, 0, expected)]
    rows += [make_row("a second time", place, timed(lambda: finish(start(place))), 0, expected) for _ in range(passes)]
    os.utime(next(iter(read_sidecars(place.library))))
    rows.append(make_row("after one sidecar was touched", place, timed(lambda: finish(start(place))), 0, expected))

    begin_again(place)
    taken = timed(lambda: kill_at_random(place, kills, seconds, expected))
    rows.append(make_row("killed and started again", place, taken, kills, expected))

    begin_again(place)
    taken = timed(lambda: finish_all([start(place), start(place)]))
    rows.append(make_row("by two processes at once", place, taken, 0, expected))
    return rows


def begin_again(place: Place) -> None:
    """Delete the catalogue, and put back the sidecars that people wrote."""
    state = place.catalogue.parent
    state.mkdir(exist_ok=True)
    for path in state.iterdir():
        path.unlink()
    place.notes.touch()
    restore_sidecars(place.library, place.sidecars)


def start(place: Place) -> "subprocess.Popen[bytes]":
    """Start a process that tags the library."""
    command = ("-m", "experiments.archive_kills.noted", str(place.notes), "tag", *place.options)
    return subprocess.Popen(
        [sys.executable, *command, "--state", str(place.catalogue), str(place.library)],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT), "IMAGETAGGER_DATA": str(place.folder / "data")},
    )


def finish(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process has tagged the library.

    Raises:
        RuntimeError: it failed.
    """
    if (code := process.wait()) != 0:
        raise RuntimeError(f"imagetagger archive tag ended with exit code {code}, expected 0")


def finish_all(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Wait until several processes have tagged the library; raises like `finish`."""
    for process in processes:
        finish(process)


def kill_at_random(place: Place, kills: int, seconds: float, expected: LibraryState) -> None:
    """Tag the library; kill the process so many times, each after a random time, and start it again.

    If it was faster than its kill, the library is tagged from the beginning, so that each kill hits something.
    """
    moments, done = random.Random(0), 0
    while done < kills:
        process, begun = start(place), time.monotonic()
        try:
            process.wait(moments.uniform(0, 2 * seconds / max(kills, 2)))
        except subprocess.TimeoutExpired:
            process.kill()
        if process.wait() < 0:
            done += 1
        else:
            seconds = min(seconds, time.monotonic() - begun)
        if done < kills and not differences(expected, read_state(place.catalogue, place.library)):
            begin_again(place)
    finish(start(place))


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


def make_row(scenario: str, place: Place, seconds: float, kills: int, expected: LibraryState) -> Row:
    """Return what a way of tagging took, and how the state that it left differs."""
    found = read_state(place.catalogue, place.library)
    embedded = place.notes.read_text("ascii").split()
    return {
        "scenario": scenario,
        "pictures": len(found.tables["files"]),
        "kills": kills,
        "seconds": round(seconds, 2),
        "embedded": len(embedded),
        "twice": len(embedded) - len({*embedded}),
        "sidecars": sum(OURS in data for data in found.sidecars.values()),
        "different": ", ".join(differences(expected, found)),
    }


if __name__ == "__main__":
    sys.exit(main())
