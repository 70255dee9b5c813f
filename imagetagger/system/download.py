"""Downloads, made once and verified by a published hash or by the one recorded at the first download."""

import logging
import re
import sys
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import pooch
import requests
from pooch.hashes import hash_matches

from imagetagger.system.atomic_files import atomic_write

log = logging.getLogger(__name__)


class Timeouts(NamedTuple):
    """Seconds to wait for a connection, and for the next bytes."""

    connect: float
    read: float


TIMEOUTS = Timeouts(4.0, 60.0)

ANSWER_SECONDS = 5.0
"""How long a server may take to answer at all."""


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


def download(source: Download, folder: Path, copy: str) -> Path:
    """Return the file's path in `folder`, downloading it first, with a progress bar, if it is missing.

    Args:
        source: where the file is published.
        folder: where it is kept.
        copy: how a user names a local copy; the error says so.

    Raises:
        DownloadError: the server cannot be reached, or the hash differs.
    """
    name = Path(urlparse(source.url).path).name
    target, recorded = folder / name, folder / f"{name}.sha256"
    expected = source.known_hash or _recorded_hash(recorded)
    is_sound = target.exists() and hash_matches(str(target), expected)
    if target.exists() and not is_sound:
        log.warning("%s is damaged (its hash is not %s): downloading it again", target, expected)
    if not is_sound:
        try:
            check_reachable(source.url)
            with atomic_write(target) as partial:
                fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUTS)
                fetch(source.url, str(partial), None)
                hash_matches(str(partial), expected, strict=True, source=name)
        except Exception as error:  # whatever requests, the file system or the check of the hash raise
            raise DownloadError(
                f"cannot download {source.url} ({failure_reason(error)}). With no network, put the file at {target}, "
                f"or pass a local copy as {copy}."
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


def check_reachable(url: str) -> None:
    """Ask the server of an address for a sign of life, for a few seconds.

    Raises:
        OSError: it cannot be reached, or does not answer.
    """
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            requests.head(url, timeout=TIMEOUTS._replace(read=ANSWER_SECONDS)).close()
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    asking = threading.Thread(target=ask, daemon=True)  # finding the address alone may take minutes
    asking.start()
    asking.join(ANSWER_SECONDS + TIMEOUTS.connect)
    error = outcome[0] if outcome else requests.Timeout(f"{url} does not answer")
    if error is not None:
        raise error


def failure_reason(error: BaseException) -> str:
    """Why a download failed, in a few words."""
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return str(error).strip().partition("\n")[0] or type(error).__name__
