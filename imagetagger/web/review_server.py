"""The server of a review of an archive, on this computer alone."""

import sys
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from imagetagger.system.printable import printable_lines, printable_text
from imagetagger.web.responses import plain_text
from imagetagger.web.review_routes import ReviewAccess, ReviewFunctions, body_problem, review_responder
from imagetagger.web.server import RequestHandler, Server
from imagetagger.web.site import REVIEW_FOLDER, SiteError

REVIEW_PAGE = "review.html"
"""The page of a review, in its folder of the built app."""
_HOST = "127.0.0.1"


class ReviewServer(Server):
    """A server of the page of a review, its pictures and answers. Port 0 takes any free port.

    Attributes:
        access: who may use it.

    Raises:
        ServeError: it cannot listen at this port.
        SiteError: the app was built without this page.
    """

    def __init__(self, port: int, app: Mapping[str, bytes], functions: ReviewFunctions) -> None:
        super().__init__(_HOST, port, review_files(app))
        self.RequestHandlerClass = _ReviewHandler
        self.access = ReviewAccess()
        self.respond_review = review_responder(self.respond, self.access, functions)

    def address(self, word: str) -> str:
        """The page's address with the token or the code."""
        return f"{self.addresses[0]}#{word}"


def review_files(app: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of a review's page, by relative address.

    Args:
        app: files of the built app.

    Raises:
        SiteError: the app was built without this page.
    """
    page = {name.removeprefix(REVIEW_FOLDER): data for name, data in app.items() if name.startswith(REVIEW_FOLDER)}
    if REVIEW_PAGE not in page:
        raise SiteError(f"the built app has no {REVIEW_FOLDER}{REVIEW_PAGE}: run `make webapp` again")
    icons = {name: data for name, data in app.items() if name == "icon.svg"}
    return {**icons, **page, "index.html": page[REVIEW_PAGE]}


class _ReviewHandler(RequestHandler):
    server: ReviewServer

    def respond(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        problem = body_problem(headers) if self.command == "POST" else None
        if problem is not None:
            self.send(problem)
            return
        body = self.rfile.read(int(headers["content-length"])) if self.command == "POST" else b""
        try:
            response = self.server.respond_review(self.command, self.path, headers, body)
        except Exception as error:  # the page says so: without a response it would take the review for ended
            print(printable_lines(traceback.format_exc()), file=sys.stderr)
            text = f"{type(error).__name__}: {printable_text(str(error))} (the terminal of the review says more)\n"
            response = plain_text(HTTPStatus.INTERNAL_SERVER_ERROR, text)
        self.send(response)

    def handle_expect_100(self) -> bool:
        return BaseHTTPRequestHandler.handle_expect_100(self)  # bodies are read here

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond
