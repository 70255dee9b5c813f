"""Files written completely or not at all, their digests, the user's folders, and versions of packages.

Standard library only: the tagger that ships uses it.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` atomically, after fsync, if the block ends well.

    A reader sees the old file or the new one, never half of one, even after kill -9 or a power cut.
    Only its owner can read a `private` file.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "deep" / "note.txt"
    >>> with atomic_write(target) as partial:
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
        partial.chmod(0o600 if private else 0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def cache_directory(setting: str | None = None) -> Path:
    """Return the folder of downloads, models and embeddings.

    It is `setting` if there is one, else the environment variable IMAGETAGGER_CACHE, else the user's cache directory
    on this platform (`~/.cache/imagetagger` on Linux).
    """
    import platformdirs

    folder = setting or os.environ.get("IMAGETAGGER_CACHE") or platformdirs.user_cache_dir("imagetagger")
    return Path(folder).expanduser()


def data_directory() -> Path:
    """Return the folder of what a user taught.

    It is the environment variable IMAGETAGGER_DATA, else the user's data directory on this platform
    (`~/.local/share/imagetagger` on Linux).
    """
    import platformdirs

    folder = os.environ.get("IMAGETAGGER_DATA") or platformdirs.user_data_dir("imagetagger", appauthor=False)
    return Path(folder).expanduser()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed_version(package: str) -> str | None:
    """Return the version of a package, None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # 30 ms that a Tagger need not pay

    try:
        return version(package)
    except PackageNotFoundError:
        return None
