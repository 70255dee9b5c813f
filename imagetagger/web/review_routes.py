"""Responses of the server of a review: its page, pictures for it, and answers to store.

Other pages of the browser and other users of the computer reach the port too. So pictures and answers need a token in
the header Authorization, which no other page can set, and no other page can read it: the page gets it from the part of
its address that browsers do not send. The address that is given to the browser's program can be seen by other users
while it starts: it has a code instead that works once.
"""

import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from imagetagger.web.responses import Responder, Response, plain_text
from imagetagger.web.site import HEADERS

PREFIX = "/review/"
MAX_ANSWER_BYTES = 2**20
"""Of the answers in one request."""


class ReviewFunctions(NamedTuple):
    """What a review does for its page.

    Attributes:
        questions: JSON of what is to be looked at.
        picture: JPEG of a picture by its content id, or of the square inside of it; None if there is none.
        answer: stores answers, JSON, and returns what became of them, JSON.
    """

    questions: Callable[[], bytes]
    picture: Callable[[str, bool], bytes | None]
    answer: Callable[[bytes], bytes]


class AnswerError(ValueError):
    """Answers of which none can be stored; the message says why."""


class ReviewAccess:
    """Who may use a review: whoever has its token, or first uses its code.

    Attributes:
        token: of the page; lasts as long as the server.
        code: stands for the token once.
    """

    def __init__(self) -> None:
        self.token, self.code = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._codes = {self.code}

    def exchange(self, word: str) -> str | None:
        """Return the token for itself or for the code, which is used up by that; None for any other word."""
        if self.is_token(word):
            return self.token
        try:
            self._codes.remove(word)
        except KeyError:
            return None
        return self.token

    def is_token(self, word: str) -> bool:
        """Whether a word is the token."""
        return secrets.compare_digest(word.encode(), self.token.encode())


ReviewResponder = Callable[[str, str, Mapping[str, str], bytes], Response]
"""As `Responder`, with the body of the request."""


def review_responder(site: Responder, access: ReviewAccess, functions: ReviewFunctions) -> ReviewResponder:
    """Responder for the files of a site and a review.

    Args:
        site: of the files; it also refuses wrong hosts.
        access: who may use the review.
        functions: of the review.
    """

    def respond(method: str, target: str, request: Mapping[str, str], body: bytes) -> Response:
        if not target.startswith(PREFIX):
            return site(method, target, request)
        wrong_host = site("GET", "/", request)
        if wrong_host.status == HTTPStatus.MISDIRECTED_REQUEST:
            return wrong_host
        name = target.removeprefix(PREFIX)
        if method != ("POST" if name in ("session", "answers") else "GET"):
            return plain_text(HTTPStatus.METHOD_NOT_ALLOWED, "This method is not allowed here.\n")
        if not _is_own_origin(request):
            return plain_text(HTTPStatus.FORBIDDEN, "This page is of another site.\n")
        word = request.get("authorization", "").removeprefix("Bearer ")
        if name == "session":
            token = access.exchange(word)
            return _forbidden() if token is None else _private("text/plain; charset=utf-8", token.encode())
        if not access.is_token(word):
            return _forbidden()
        if name == "questions":
            return _private("application/json", functions.questions())
        if name == "answers":
            return _answered(request, body, functions)
        kind, _, content = name.partition("/")
        data = functions.picture(content, kind == "square") if kind in ("square", "whole") else None
        if data is not None:
            return _private("image/jpeg", data)
        return plain_text(HTTPStatus.NOT_FOUND, "There is no such picture.\n")

    return respond


def body_problem(request: Mapping[str, str]) -> Response | None:
    """Return the response to a request whose body is not to be read; None if it may be."""
    length = request.get("content-length", "")
    if "transfer-encoding" in request or not (length.isascii() and length.isdecimal()):
        return plain_text(HTTPStatus.LENGTH_REQUIRED, "The length of the answers is missing.\n")
    if len(length) > 10 or int(length) > MAX_ANSWER_BYTES:
        text = f"Got more than {MAX_ANSWER_BYTES:,} bytes: send fewer answers at once.\n"
        return plain_text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
    return None


def _answered(request: Mapping[str, str], body: bytes, functions: ReviewFunctions) -> Response:
    kind = request.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return plain_text(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Expected answers as application/json.\n")
    try:
        return _private("application/json", functions.answer(body))
    except AnswerError as error:
        return plain_text(HTTPStatus.BAD_REQUEST, f"{error}\n")


def _is_own_origin(request: Mapping[str, str]) -> bool:
    """Whether a request is from a page of this server, as far as the browser says."""
    origin, site = request.get("origin"), request.get("sec-fetch-site", "same-origin")
    return origin in (None, f"http://{request.get('host', '')}") and site in ("same-origin", "none")


def _forbidden() -> Response:
    return plain_text(HTTPStatus.FORBIDDEN, "Open the address that `imagetagger archive review` prints.\n")


def _private(kind: str, body: bytes) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Type": kind, "Content-Length": str(len(body))}
    return Response(HTTPStatus.OK, {**HEADERS, **headers}, body)
