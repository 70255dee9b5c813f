"""Downloads, made once and verified by a published hash or by the one recorded at the first download."""

import logging
import re
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import pooch
import requests
from pooch.hashes import hash_matches

from imagetagger.system.atomic_files import atomic_write

log = logging.getLogger(__name__)


class Download(NamedTuple):
    """A published file.

    Attributes:
        url: the official address.
        known_hash: `sha256:...` or `md5:...` if somebody publishes one (the table that holds it cites who). If None,
            the hash of the first download is recorded beside the file, and every later use is checked against it.
    """

    url: str
    known_hash: str | None = None


class DownloadError(OSError):
    """A file that could not be downloaded, or is not the expected one."""


def download(source: Download, folder: Path, argument: str) -> Path:
    """Return the file's path in `folder`, downloading it first, with a progress bar, if it is missing.

    Args:
        source: where the file is published.
        folder: where it is kept.
        argument: the caller's argument that takes a local copy; the error names it.

    Raises:
        DownloadError: the server cannot be reached, or the hash differs.
    """
    name = Path(urlparse(source.url).path).name
    target, recorded = folder / name, folder / f"{name}.sha256"
    expected = source.known_hash or _recorded_hash(recorded)
    is_sound = target.exists() and hash_matches(str(target), expected)
    if target.exists() and not is_sound:
        log.warning("%s is damaged (its hash is not %s): downloading it again", target, expected)
    try:
        pooch.get_logger().setLevel("WARNING")
        if not is_sound:
            pooch.retrieve(source.url, known_hash=expected, fname=name, path=folder, progressbar=sys.stderr.isatty())
    except Exception as error:  # pooch passes on whatever requests, the file system or its hash check raise
        reason = "the server cannot be reached" if isinstance(error, requests.ConnectionError) else error
        raise DownloadError(
            f"cannot download {source.url} ({reason}). With no network, put the file at {target}, or pass a local "
            f"copy as {argument}=FILE."
        ) from error
    if expected is None:
        with atomic_write(recorded) as partial:
            partial.write_text(2 * (pooch.file_hash(str(target)) + "\n"))
        log.warning("%s has no published hash; recorded the hash of this first download in %s", name, recorded)
    return target


def _recorded_hash(path: Path) -> str | None:
    """The hash of a first download, which is recorded twice so that damage to it shows; None without a sound record."""
    if not path.exists():
        return None
    recorded = path.read_text("ascii", "replace").split()
    if len(set(recorded)) == 1 and re.fullmatch("[0-9a-f]{64}", recorded[0]):
        return f"sha256:{recorded[0]}"
    log.warning("%s is damaged (it is not one SHA-256, twice): it will be written again", path)
    return None
