"""Reading a picture's file from disk, for its content id."""

import os
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.content import content_id
from imagetagger.archive.catalogue.listing import file_state
from imagetagger.preprocess.decode import MAX_PICTURE_BYTES
from imagetagger.preprocess.errors import BadImageError
from imagetagger.preprocess.file_kinds import SNIFFED_BYTES, picture_format
from imagetagger.system.ignored_files import is_raw_name


class FileReading(NamedTuple):
    """What reading a file brought.

    Attributes:
        path: absolute.
        size, mtime_ns: of the file before it was read; None if it could not be read, so that it is read again.
        content: id of its picture; None without one.
        problem: why it cannot be used; None if it can.
    """

    path: Path
    size: int | None
    mtime_ns: int | None
    content: str | None
    problem: str | None = None


def read_file(path: Path) -> FileReading:
    """Read a file and return the content id of its picture, or why it is none; of films and the like only the start.

    A camera's raw file, by its suffix, has a content id whatever is in it.

    The state of the file is that before it was read: one that changes meanwhile is read again by the next scan.
    """
    try:
        with path.open("rb") as file:
            state = file_state(os.fstat(file.fileno()))
            start = file.read(SNIFFED_BYTES)
            try:
                if not is_raw_name(path.name):
                    picture_format(start, state.size)
                if state.size > MAX_PICTURE_BYTES:
                    raise BadImageError(f"a file of more than {MAX_PICTURE_BYTES:,} bytes")
            except BadImageError as error:
                return FileReading(path, *state, None, str(error))
            return FileReading(path, *state, content_id(start + file.read(MAX_PICTURE_BYTES)))
    except OSError as error:
        return FileReading(path, None, None, None, f"cannot be read: {error.strerror}")
