"""Files of the cache whose names end in a checksum of their contents: NAME-89abcdef.tflite.

One rename makes a file and its checksum, so no crash leaves one without the other. Whatever befalls the contents later,
a flipped bit, a truncation or another file in their place, shows when they are read. Standard library only.

The checksum is CRC-32. It finds all damage to up to 32 bits in a row or any two bits, and other damage but for one case
in 4 billion; nobody attacks a cache. It takes half the time of SHA-256: reading 100,000 embeddings (512 MB) takes as
long with it as without (0.47 and 0.45 s of a core).
"""

import contextlib
import errno
import logging
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from imagetagger.system.atomic_files import atomic_write

CHECKSUM = re.compile(r"[0-9a-f]{8}")

log = logging.getLogger(__name__)


def write_checked(folder: Path, name: str, suffix: str, data: bytes) -> Path:
    """Write `data` into a folder as NAME-CHECKSUM.SUFFIX, completely or not at all; return the path."""
    path = checked_path(folder, name, suffix, data)
    with atomic_write(path) as partial:
        partial.write_bytes(data)
    return path


def checked_path(folder: Path, name: str, suffix: str, data: bytes) -> Path:
    """Return where `write_checked` writes `data`."""
    return folder / f"{name}-{checksum(data)}{suffix}"


def read_checked(path: Path) -> bytes | None:
    """Return the contents of a file that `write_checked` wrote, and mark it as used now.

    None if it does not exist or is damaged; a damaged file is reported and deleted.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # another process has just deleted it
        return None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        discard_damaged(path, str(error))
        return None
    if path.name.rpartition("-")[2].partition(".")[0] != checksum(data):
        discard_damaged(path, f"the checksum of its {len(data):,} bytes differs from the one in its name")
        return None
    with contextlib.suppress(OSError):  # another user's, or deleted just now
        os.utime(path)
    return data


def find_checked(folder: Path, name: str, suffix: str) -> bytes | None:
    """Return the contents of NAME-CHECKSUM.SUFFIX, whatever the checksum; None if no sound file is there."""
    for path in sorted(_candidates(folder, name, suffix)):
        if (data := read_checked(path)) is not None:
            return data
    return None


def delete_checked(folder: Path, name: str, suffix: str) -> None:
    """Delete every NAME-CHECKSUM.SUFFIX."""
    for path in [*_candidates(folder, name, suffix)]:
        path.unlink(missing_ok=True)


def discard_damaged(path: Path, reason: str) -> None:
    """Report a damaged file of the cache and delete it."""
    log.warning("%s is damaged (%s): it is deleted and will be computed again", path, reason)
    with contextlib.suppress(OSError):  # where it cannot be deleted, it is still not used
        path.unlink()


def checksum(data: bytes | memoryview) -> str:
    """Return the CRC-32 of contents, 8 hexadecimal digits.

    >>> checksum(b"123456789")
    'cbf43926'
    """
    return f"{zlib.crc32(data):08x}"


def _candidates(folder: Path, name: str, suffix: str) -> Iterator[Path]:
    if folder.is_dir():
        for path in folder.iterdir():
            rest = path.name.removeprefix(f"{name}-").removesuffix(suffix)
            if path.name == f"{name}-{rest}{suffix}" and CHECKSUM.fullmatch(rest):
                yield path
