"""The file that a path in a user's list means, wherever the list was written."""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

WINDOWS_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
WEB_ADDRESS = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://")


def find_listed_file(path: str, folder: Path) -> Path:
    """Return the file that a path means, relative to `folder`; the likeliest one if there is none.

    Taken as it is written, or else without spaces around it, with the home folder for `~`, as a file:// address, with
    slashes for backslashes, or with accents in the other Unicode form.
    """
    readings = [folder / reading for reading in _readings(path)]
    return next((reading for reading in readings if _exists(reading)), readings[-1])


def missing_reason(path: str) -> str:
    """Return why there is no file where a path of a list says."""
    if WEB_ADDRESS.match(path.strip()):
        return "an address on the web: expected a file"
    if os.sep == "/" and WINDOWS_ABSOLUTE.match(path.strip()):
        return "no such file: an absolute path of Windows"
    return "no such file"


def differently_spelled(file: Path) -> str | None:
    """Return the name of a file that differs from a missing one in upper and lower case only; None without one."""
    try:
        return next((one.name for one in file.parent.iterdir() if one.name.casefold() == file.name.casefold()), None)
    except (OSError, ValueError):
        return None


def _readings(path: str) -> Iterator[str]:
    """Yield what a path may mean, the most literal first and the likeliest last."""
    yield path
    bare = path.strip()
    if bare.lower().startswith("file://"):
        bare = re.sub(r"^/(?=[A-Za-z]:)", "", unquote(re.sub(r"(?i)^file://(localhost)?", "", bare)))
    if bare.startswith("~"):
        with suppress(RuntimeError):  # of a user without a home folder
            bare = str(Path(bare).expanduser())
    if os.sep == "/" and "\\" in bare and not WINDOWS_ABSOLUTE.match(bare):
        yield bare
        bare = bare.replace("\\", "/")
    if not bare.isascii():
        yield unicodedata.normalize("NFD", bare)
        yield unicodedata.normalize("NFC", bare)
    yield bare


def _exists(file: Path) -> bool:
    try:
        return os.path.lexists(file)
    except ValueError:  # a NUL, or half a surrogate pair
        return False
