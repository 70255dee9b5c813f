"""Download a file once, verified by a published hash or by the one recorded at its first download."""

import logging
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import pooch
import requests

from imagetagger.files import whole

log = logging.getLogger(__name__)


class Download(NamedTuple):
    """Where a file is published.

    Attributes:
        url: the official address.
        known_hash: `sha256:...` or `md5:...` where somebody publishes one (the table that holds it cites who);
            None where nobody does: then the hash of the first download is recorded beside the file and
            every later use is checked against it.
    """

    url: str
    known_hash: str | None = None


class DownloadError(OSError):
    """A file that could not be had, or is not the one expected."""


def download(source: Download, folder: Path) -> Path:
    """Return the file's path in `folder`, downloading it with a progress bar when it is not there.

    Raises:
        DownloadError: the server cannot be reached, or the hash differs; names the file to provide by hand.
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
            f"cannot download {source.url} ({reason}). With no network, put the file at {target}, or name a local copy "
            "in data.path or backbone.weights."
        ) from error
    if expected is None:
        with whole(recorded) as partial:
            partial.write_text(pooch.file_hash(str(target)) + "\n")
        log.warning("%s: nobody publishes a hash; recorded that of this first download in %s", name, recorded)
    return target
