"""A local web server of files, in place of downloads."""

import http.server
import mimetypes
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[SimpleNamespace]:
    """Serve `files` by path at `address`; `requests` lists requested paths, `cut` truncates bodies.

    The answer to anything else has the code `status`.
    """
    state = SimpleNamespace(files=files, requests=[], cut=None, status=404)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.requests.append(self.path)
            body = state.files.get(self.path)
            self.send_response(state.status if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            if kind := mimetypes.guess_type(self.path)[0]:
                self.send_header("Content-Type", kind)  # Firefox runs no script without it
            self.end_headers()
            self.wfile.write((body or b"")[: state.cut])

        def log_message(self, *_):
            pass

    with (
        pytest.MonkeyPatch.context() as patch,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening,
    ):
        patch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.address = f"http://127.0.0.1:{listening.server_port}"
        yield state
        listening.shutdown()
        thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """Listen at an address, accept connections, and never answer."""
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
