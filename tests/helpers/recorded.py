"""The app's server, which records what it sends."""

import contextlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace

from imagetagger.web.responses import responder
from imagetagger.web.server import Server


@contextlib.contextmanager
def recorded(files: dict[str, bytes]) -> Iterator[SimpleNamespace]:
    """Serve a site as to the network; `sent` lists the target and the size of every body, `requests` all requests."""
    server = Server("127.0.0.1", 0, files)
    respond, state = responder(files, compress=True), SimpleNamespace(sent=[], requests=[])

    def record(method, target, request):
        response = respond(method, target, request)
        state.requests.append((method, target))
        if response.body:
            state.sent.append((target, len(response.body)))
        return response

    server.respond = record
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    state.address = server.addresses[0]
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
