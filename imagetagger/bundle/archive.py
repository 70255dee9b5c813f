"""Files by name from a folder or a .zip, and back: read into memory, never unpacked to disk.

Whatever `write_zip` would not make is refused before its contents are read: names that could lead outside, links,
duplicates, encryption, more bytes than allowed. Folder entries and files that systems leave behind are ignored.
"""

import os
import re
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from imagetagger.system.atomic_files import atomic_folder, atomic_write
from imagetagger.system.ignored_files import is_system_path

FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}")
"""A relative path of plain names: without `..`, root, drive, backslash or hidden file."""

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal contents give equal archives."""

MAX_FILES = 100_000
"""Files of an archive: lessons have one for each of 80,000 pictures at most."""

FREE_BYTES, MAX_RATIO = 24 * 2**20, 16
"""A .zip may unpack to so many bytes, and so many times its own size more: models and embeddings shrink to a half, text
to a tenth, and statistics of tags without pictures to nothing. 1.5 MB of packed zeros would unpack to 1.5 GB."""


class ArchiveError(ValueError):
    """A folder or .zip that cannot be read as one of ours; the message says why."""


def read_files(path: Path, limit: int, largest: Callable[[str], int] | None = None) -> dict[str, bytes]:
    """Read the files of a folder or .zip by name.

    Args:
        path: of the folder or .zip.
        limit: bytes of all files together.
        largest: bytes that a file of a name may have; None for the limit.

    Raises:
        FileNotFoundError: there is no such path.
        ArchiveError: neither a folder nor a .zip, damaged, too large, or with a name or link that does not belong.
    """
    try:
        if path.is_dir():
            return _read_folder(path, limit, largest)
        if not path.exists():
            raise FileNotFoundError(f"got {path}, where nothing is: expected a folder or a .zip file")
        return _read_zip(path, limit, largest)
    except (ArchiveError, FileNotFoundError):
        raise
    except Exception as error:  # zipfile and its decompressors raise almost anything on damaged data
        raise ArchiveError(f"{path} cannot be read: {str(error)[:300] or type(error).__name__}") from error


def _read_folder(folder: Path, limit: int, largest: Callable[[str], int] | None) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = limit
    for where, folders, names in os.walk(folder):  # follows no links
        for name in (*folders, *names):
            file = Path(where) / name
            mode = file.lstat().st_mode
            relative = file.relative_to(folder).as_posix()
            if stat.S_ISDIR(mode) or is_system_path(relative):
                continue
            key = _check_name(relative)
            if not stat.S_ISREG(mode):
                raise ArchiveError(f"{key} is a link or a special file: expected plain files only")
            size = file.stat().st_size
            left = _check_size(key, size, left, largest)
            with file.open("rb") as opened:
                files[key] = opened.read(size + 1)  # no more than was allowed, though it may grow
            if len(files[key]) != size:
                raise ArchiveError(f"{key} changed while it was read: try again")
    return files


def _read_zip(path: Path, limit: int, largest: Callable[[str], int] | None) -> dict[str, bytes]:
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise ArchiveError(f"{path} is not a .zip file, or it is damaged")
    files: dict[str, bytes] = {}
    left = min(limit, FREE_BYTES + MAX_RATIO * path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MAX_FILES:
            raise ArchiveError(f"{path} has {len(members):,} files, expected at most {MAX_FILES:,} files")
        for member in members:
            # The name as stored: zipfile cuts names at a NUL and may take another one from `extra`.
            stored = member.orig_filename
            if is_system_path(stored) or (member.is_dir() and not member.file_size and _check_name(stored[:-1])):
                continue
            _check_name(stored)
            key = _check_name(member.filename)
            if key in files:
                raise ArchiveError(f"{key} is in the archive twice: expected every name once")
            if member.flag_bits & 1:
                raise ArchiveError(f"{key} is encrypted: expected plain files only")
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                raise ArchiveError(f"{key} is a link or a special file: expected plain files only")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveError(f"{key} is packed by method {member.compress_type}: expected stored or deflated")
            left = _check_size(key, member.file_size, left, largest)
            with archive.open(member) as file:
                files[key] = file.read(
                    member.file_size + 1
                )  # never more than the size; read(0) would skip the checksum
            if len(files[key]) != member.file_size:
                raise ArchiveError(f"{key} has {len(files[key]):,} bytes, expected {member.file_size:,}")
    return _without_top(files)


def _without_top(files: dict[str, bytes]) -> dict[str, bytes]:
    """Strip the folder that all files share, as when someone packed a folder instead of its contents."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) != 1 or files.keys() == tops:
        return files
    return {name.partition("/")[2]: data for name, data in files.items()}


def _check_name(name: str) -> str:
    if len(name) > 200 or not FILE_NAME.fullmatch(name):
        raise ArchiveError(f"got the file name {name[:200]!r}: expected plain relative names such as golden/0.png")
    return name


def _check_size(name: str, size: int, left: int, largest: Callable[[str], int] | None) -> int:
    if largest and size > largest(name):
        raise ArchiveError(f"{name} has {size:,} bytes, expected at most {largest(name):,}")
    if size > left:
        raise ArchiveError(f"{name} has {size:,} bytes, which is more than the {left:,} that are left of the limit")
    return left - size


def write_zip(files: Mapping[str, bytes], path: Path, *, private: bool = False) -> None:
    """Write files as a .zip, completely or not at all; text, models and statistics are compressed, the rest stored."""
    with atomic_write(path, private=private) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, data in sorted(files.items()):
            member = zipfile.ZipInfo(_check_name(name), ZIP_EPOCH)
            member.external_attr = 0o644 << 16
            is_compressed = name.endswith((".json", ".md", ".txt", ".tflite", ".onnx", ".safetensors"))
            member.compress_type = zipfile.ZIP_DEFLATED if is_compressed else zipfile.ZIP_STORED
            archive.writestr(member, data, compresslevel=9)


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files as a folder, completely or not at all; an existing folder is replaced. See `atomic_folder`."""
    with atomic_folder(folder) as partial:
        for name, data in files.items():
            target = partial / _check_name(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
