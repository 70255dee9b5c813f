"""Many picture files, embedded by the machines of a Ray cluster."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagetagger.archive.embedding.embed import EmbeddedFile, start_embedder
from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.system.ray_tasks import map_on_ray


def embed_files_on_ray(
    files: Iterable[Path], bundle: Path | None = None, *, exact: bool = False, workers: int | None = None
) -> Iterator[EmbeddedFile]:
    """Embed pictures like `embed_files`, with the same results, by Ray: see `system/ray_tasks.py`.

    Workers read files by their paths, which have to be the same on every machine, and need a light install. The bundle
    is sent to them. A file whose workers die each time is a result with a problem.

    Args:
        files: absolute paths, taken as they are needed.
        bundle: folder or .zip; None for the everyday one.
        exact: see `embed_files`.
        workers: CPUs of a cluster on this machine; None for all.

    Raises:
        FileNotFoundError, BundleError: the bundle is missing or damaged.
        SystemExit: Ray is not installed.
    """
    checked = read_bundle(bundle or everyday_bundle())
    load = functools.partial(start_embedder, checked.files["model.tflite"], checked.manifest, exact)
    return map_on_ray(load, files, _lost_on_ray, workers=workers)


def _lost_on_ray(path: Path, ending: str) -> EmbeddedFile:
    return EmbeddedFile(path, None, None, None, None, f"its workers died ({ending}): embed it again")
