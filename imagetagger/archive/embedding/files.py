"""Many picture files, embedded by several processes."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagetagger.archive.embedding.embed import EmbeddedFile, load_embedder
from imagetagger.archive.embedding.processes import map_unordered
from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.system.cpus import cpu_count


def embed_files(
    files: Iterable[Path], bundle: Path | None = None, *, exact: bool = False, workers: int | None = None
) -> Iterator[EmbeddedFile]:
    """Embed pictures, each file once, in the order in which they are ready.

    A file that cannot be used is a result with a problem. So is one during which its process died: if memory runs out,
    the system kills one process, and the others go on. That is why there are processes, though threads are as fast. A
    script that calls this needs `if __name__ == "__main__":`, as wherever Python starts processes.

    Args:
        files: taken as they are needed.
        bundle: folder or .zip; None for the everyday one.
        exact: decode JPEGs in full, to the pixels of the app and of `Tagger`, rather than at a smaller scale; see
            `archive_space`.
        workers: processes; None for one per core.

    Raises:
        FileNotFoundError, BundleError: the bundle is missing, damaged or replaced meanwhile.
        RuntimeError: processes end before they are ready.
    """
    path = everyday_bundle() if bundle is None else bundle
    load = functools.partial(load_embedder, path, read_bundle(path).manifest.digest, exact)
    return map_unordered(load, files, workers or cpu_count(), _lost_file)


def _lost_file(path: Path, ending: str) -> EmbeddedFile:
    problem = f"its process {ending}, perhaps for want of memory: embed it again with fewer workers"
    return EmbeddedFile(path, None, None, None, None, problem)
