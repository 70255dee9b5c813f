"""Responses of a web server for the files of a site; pure functions of the request."""

import functools
import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from imagetagger.web.hosts import is_allowed_host
from imagetagger.web.site import HEADERS, cache_control

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
COMPRESSED_TYPES = tuple({*CONTENT_TYPES, ".safetensors", ".tflite"} - {".png"})


WRONG_HOST = (
    "This server does not respond under this name. Use its address, or start it with --host-name and the name.\n"
)


class Response(NamedTuple):
    """Response to one request."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes


Responder = Callable[[str, str, Mapping[str, str]], Response]
"""From method, target and headers (by lower-case name) of a request to its response; HEAD must be sent without body."""


def responder(files: Mapping[str, bytes], *, compress: bool, names: frozenset[str] | None = None) -> Responder:
    """Responder for these files, by relative address: a look-up, so no other file can be read.

    Args:
        files: by relative address.
        compress: whether clients that accept gzip get it.
        names: host names that it responds to, beside IP addresses; None for all.
    """
    digest = functools.cache(lambda name: hashlib.sha256(files[name]).hexdigest()[:32])
    compressed = functools.cache(lambda name: gzip.compress(files[name], 9, mtime=0))

    def respond(method: str, target: str, request: Mapping[str, str]) -> Response:
        if names is not None and not is_allowed_host(request.get("host", ""), names):
            return plain_text(HTTPStatus.MISDIRECTED_REQUEST, WRONG_HOST)
        if method not in ("GET", "HEAD"):
            refusal = "Only GET and HEAD are allowed: this server accepts no data.\n"
            return plain_text(HTTPStatus.METHOD_NOT_ALLOWED, refusal, {"Allow": "GET, HEAD"})
        name = target.partition("?")[0].removeprefix("/") or "index.html"
        if name not in files:
            return plain_text(HTTPStatus.NOT_FOUND, "There is no such file.\n")
        suffix = Path(name).suffix
        use_gzip = compress and suffix in COMPRESSED_TYPES and _accepts_gzip(request.get("accept-encoding", ""))
        etag = f'"{digest(name)}{"-gzip" if use_gzip else ""}"'
        headers = {**HEADERS, "Cache-Control": cache_control(name), "ETag": etag}
        if compress and suffix in COMPRESSED_TYPES:
            headers["Vary"] = "Accept-Encoding"
        if _matches(request.get("if-none-match", ""), etag):
            return Response(HTTPStatus.NOT_MODIFIED, headers, b"")
        body = compressed(name) if use_gzip else files[name]
        headers |= {
            "Content-Type": CONTENT_TYPES.get(suffix, "application/octet-stream"),
            "Content-Length": str(len(body)),
        }
        if use_gzip:
            headers["Content-Encoding"] = "gzip"
            return Response(HTTPStatus.OK, headers, body)
        headers["Accept-Ranges"] = "bytes"
        is_current = request.get("if-range", etag).strip() == etag
        wanted = _byte_range(request.get("range", ""), len(body)) if method == "GET" and is_current else None
        if wanted is None:
            return Response(HTTPStatus.OK, headers, body)
        if not wanted:
            unsatisfied = {"Content-Range": f"bytes */{len(body)}"}
            return plain_text(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "There are no such bytes.\n", unsatisfied)
        part = {
            "Content-Range": f"bytes {wanted.start}-{wanted.stop - 1}/{len(body)}",
            "Content-Length": str(len(wanted)),
        }
        return Response(HTTPStatus.PARTIAL_CONTENT, headers | part, body[wanted.start : wanted.stop])

    return respond


def plain_text(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Response of plain text, with these headers more."""
    body = text.encode()
    text_headers = {
        "Cache-Control": "no-store",
        "Content-Type": CONTENT_TYPES[".txt"],
        "Content-Length": str(len(body)),
    }
    return Response(status, {**HEADERS, **text_headers, **(headers or {})}, body)


def _byte_range(header: str, length: int) -> range | None:
    """Return the bytes that a Range header asks for, empty if there are none; None to send the whole file.

    Several ranges, other units and malformed headers are ignored, as RFC 9110, section 14.2, allows.
    """
    found = re.fullmatch(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return range(max(0, length - int(found[2])), length)
    first, last = int(found[1]), int(found[2]) if found[2] else length - 1
    return None if last < first and found[2] else range(first, min(last + 1, length))


def _accepts_gzip(accepted: str) -> bool:
    offers = (offer.replace(" ", "").lower().partition(";q=") for offer in accepted.split(","))
    return any(coding == "gzip" and not re.fullmatch(r"0(\.0*)?", weight) for coding, _, weight in offers)


def _matches(known: str, etag: str) -> bool:
    return known.strip() == "*" or etag in (each.strip().removeprefix("W/") for each in known.split(","))
