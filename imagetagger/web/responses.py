"""What a web server of a site answers to one request: one of the site's files, or a refusal; pure."""

import functools
import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

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
COMPRESSED_TYPES = (".css", ".html", ".js", ".json", ".md", ".svg", ".txt", ".wasm", ".webmanifest")


class Response(NamedTuple):
    """What the server says to one request."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes


Responder = Callable[[str, str, Mapping[str, str]], Response]
"""From method, target and headers (by lower-case name) of a request to its answer; to HEAD goes no body."""


def responder(files: Mapping[str, bytes], *, compress: bool) -> Responder:
    """Return the function that answers requests for these files: a look-up by address, so nothing else can be had."""
    tag = functools.cache(lambda name: hashlib.sha256(files[name]).hexdigest()[:32])
    pack = functools.cache(lambda name: gzip.compress(files[name], 6, mtime=0))

    def answer(method: str, target: str, asked: Mapping[str, str]) -> Response:
        if method not in ("GET", "HEAD"):
            said = "Only GET and HEAD: nothing can be sent here.\n"
            return plain_text(HTTPStatus.METHOD_NOT_ALLOWED, said, {"Allow": "GET, HEAD"})
        name = target.partition("?")[0].removeprefix("/") or "index.html"
        if name not in files:
            return plain_text(HTTPStatus.NOT_FOUND, "Nothing is here.\n")
        kind = Path(name).suffix
        packed = compress and kind in COMPRESSED_TYPES and _accepts_gzip(asked.get("accept-encoding", ""))
        etag = f'"{tag(name)}{"-gzip" if packed else ""}"'
        headers = {**HEADERS, "Cache-Control": cache_control(name), "ETag": etag}
        if compress and kind in COMPRESSED_TYPES:
            headers["Vary"] = "Accept-Encoding"
        if _matches(asked.get("if-none-match", ""), etag):
            return Response(HTTPStatus.NOT_MODIFIED, headers, b"")
        body = pack(name) if packed else files[name]
        headers |= {
            "Content-Type": CONTENT_TYPES.get(kind, "application/octet-stream"),
            "Content-Length": str(len(body)),
        }
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(HTTPStatus.OK, headers, body)

    return answer


def plain_text(status: HTTPStatus, said: str, more: Mapping[str, str] | None = None) -> Response:
    """Return an answer that says something in words."""
    body = said.encode()
    headers = {
        **HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": CONTENT_TYPES[".txt"],
        "Content-Length": str(len(body)),
    }
    return Response(status, headers | dict(more or {}), body)


def _accepts_gzip(accepted: str) -> bool:
    offers = (offer.replace(" ", "").lower().partition(";q=") for offer in accepted.split(","))
    return any(coding == "gzip" and not re.fullmatch(r"0(\.0*)?", weight) for coding, _, weight in offers)


def _matches(known: str, etag: str) -> bool:
    return known.strip() == "*" or etag in (each.strip().removeprefix("W/") for each in known.split(","))
