"""Small archives with pictures that want a look, and a process that reviews one."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.helpers.bundles import SIZE, WHITENED
from tests.helpers.sidecars import bag, xmp
from tests.helpers.taught import CRIMSON, YELLOW, folder, pixels

KINDS = {"blue": "blue", "crimson": CRIMSON, "lemon": YELLOW}
LABELLED, REST = 8, 4
START_SECONDS = 300
"""Of a review, at most, also on a busy computer."""


def make_library(root: Path, *, side: int = SIZE) -> Path:
    """Write pictures of three kinds, so few of them tagged by a person that nothing can be promised of the others."""
    for number in range(LABELLED + REST):
        for kind, colour in KINDS.items():
            picture = root / f"{number % 2}" / f"{kind}{number}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels(colour, number, side)).save(picture)
            if number < LABELLED:
                picture.with_name(f"{picture.name}.xmp").write_text(
                    xmp(bag("digiKam:TagsList", f"colour/{kind}", kind="Seq")), "utf-8"
                )
    return root


def options(home: Path) -> list[str]:
    """Options of all actions: the small bundle, and a state and lessons of their own."""
    return ["--bundle", str(folder(*WHITENED)), "--state", str(home / "state"), "--lessons", str(home / "mine.zip")]


def act(action: str, home: Path, library: Path) -> None:
    """Run an action in a process of its own."""
    kept = options(home)[:-2] if action == "learn" else options(home)
    subprocess.run([*PROGRAM, action, *kept, str(library)], check=True, capture_output=True)


@contextlib.contextmanager
def review_process(home: Path, library: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Review a library; yields the process and the address that it prints. In the end it is killed."""
    command = [*PROGRAM, "review", "--no-browser", *options(home), str(library)]
    errors = home / "review.stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        assert process.stdout is not None
        limit = threading.Timer(START_SECONDS, process.kill)  # then there is no line
        limit.start()
        try:
            line = process.stdout.readline()
            limit.cancel()
            if "http://" not in line:
                process.kill()
                raise RuntimeError(f"got {line!r}, expected the address: {errors.read_text()}")
            yield process, line.split()[-1]
        finally:
            limit.cancel()
            process.kill()


PROGRAM = (sys.executable, "-c", "from imagetagger.cli import main; main()", "archive")
