"""Files written whole or not at all, and where the cache lies."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` atomically, after fsync, if the block ends well.

    A reader sees the old file or the new one, never half of one, also after kill -9 or a power cut.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "deep" / "note.txt"
    >>> with whole(target) as partial:
    ...     _ = partial.write_text("done")
    >>> target.read_text()
    'done'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def cache_directory(setting: str | None = None) -> Path:
    """Return where downloads, models and embeddings are kept.

    `setting` where given, else the environment variable IMAGETAGGER_CACHE, else the user's cache directory
    of the platform (`~/.cache/imagetagger` on Linux).
    """
    chosen = setting or os.environ.get("IMAGETAGGER_CACHE") or platformdirs.user_cache_dir("imagetagger")
    return Path(chosen).expanduser()
