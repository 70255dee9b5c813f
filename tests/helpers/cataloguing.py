"""Archives that tests make up, and a process that catalogues one: `python -m tests.helpers.cataloguing STATE FOLDER`.

The process scans a folder and embeds its pictures by a function of their content, as `imagetagger archive` does with a
network. It prints READY, and the content id of each picture that it embeds.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from imagetagger.archive.catalogue.database import Catalogue, open_catalogue, snapshot
from imagetagger.archive.catalogue.embeddings import claim_pictures, store_embeddings, unembedded
from imagetagger.archive.catalogue.scan import ScanReport, scan
from tests.helpers.pictures import encode

SPACE = "space"
FEATURES = 8
STORED_TOGETHER = 8
READY = "ready"
"""What the process prints when it begins to work."""


def number_picture(number: int) -> bytes:
    """A small picture, another for each number."""
    return encode(Image.new("RGB", (4, 4), (number % 256, number // 256 % 256, number // 65536)))


def make_archive(root: Path, count: int, start: int = 0) -> Path:
    """Write numbered pictures into nested folders."""
    for number in range(start, start + count):
        path = root / f"{number % 7}" / f"{number % 5} deeper" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(number_picture(number))
    return root


def scanned(catalogue: Catalogue, *folders: Path) -> ScanReport:
    """The full report of a scan."""
    return [*scan(catalogue, folders)][-1]


def content_embedding(content: str) -> np.ndarray:
    """A vector that stands for a picture."""
    return np.random.default_rng(int(content, 16)).normal(size=FEATURES).astype(np.float32)


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that a catalogue states; not whose work something was, nor when a file was missed."""
    queries = {
        "files": "SELECT path, size, mtime_ns, content, problem, gone IS NOT NULL FROM files ORDER BY path",
        "pictures": "SELECT content, problem FROM pictures ORDER BY content",
        "embeddings": "SELECT name, content, embedding FROM embeddings JOIN spaces ON id = space ORDER BY 1, 2",
    }
    with open_catalogue(path) as catalogue, snapshot(catalogue) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def embed(catalogue: Catalogue, contents: Iterable[str]) -> None:
    """Embed pictures and print their ids, several in a transaction."""
    waiting: list[str] = []
    for content in contents:
        waiting.append(content)
        if len(waiting) == STORED_TOGETHER:
            _store(catalogue, waiting)
            waiting = []
    if waiting:
        _store(catalogue, waiting)


def _store(catalogue: Catalogue, contents: list[str]) -> None:
    sys.stdout.write("".join(f"{content}\n" for content in contents))
    sys.stdout.flush()
    store_embeddings(catalogue, SPACE, contents, np.array([content_embedding(content) for content in contents]))


def main(state: str, folder: str) -> None:
    """Catalogue a folder."""
    print(READY, flush=True)
    with open_catalogue(Path(state)) as catalogue:
        scanned(catalogue, Path(folder))
        pictures = unembedded(catalogue, SPACE, [Path(folder)])
        embed(catalogue, (picture.content for picture in claim_pictures(catalogue, SPACE, pictures)))


if __name__ == "__main__":
    main(*sys.argv[1:])
