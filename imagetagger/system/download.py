"""Downloads, made once and verified by a published hash or by the one recorded at the first download."""

import logging
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import pooch
import requests

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
    expected = source.known_hash or (f"sha256:{recorded.read_text().strip()}" if recorded.exists() else None)
    try:
        pooch.get_logger().setLevel("WARNING")
        pooch.retrieve(source.url, known_hash=expected, fname=name, path=folder, progressbar=sys.stderr.isatty())
    except Exception as error:  # pooch passes on whatever requests, the file system or its hash check raise
        reason = "the server cannot be reached" if isinstance(error, requests.ConnectionError) else error
        raise DownloadError(
            f"cannot download {source.url} ({reason}). With no network, put the file at {target}, or pass a local "
            f"copy as {argument}=FILE."
        ) from error
    if expected is None:
        with atomic_write(recorded) as partial:
            partial.write_text(pooch.file_hash(str(target)) + "\n")
        log.warning("%s has no published hash; recorded the hash of this first download in %s", name, recorded)
    return target
