"""A small web server for the app and a bundle: answers with the site's files, and with nothing else.

Pictures never come here: the app works in the browser, and whatever is not GET or HEAD is refused.
"""

import errno
import http.server
import ipaddress
import os
import socket
import socketserver
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from imagetagger.web.responses import Response, plain_text, responder

DEFAULT_PORT = 8017
"""One port for good: a browser keeps what its user taught under the address, port included."""

CHUNK_BYTES = 2**16
"""Bytes sent at a time: a slow phone has a timeout's time for each, not for the whole file."""


class ServeError(ValueError):
    """A server that cannot start; the message says why, and what to do."""


class Server(socketserver.ThreadingTCPServer):
    """A socket that listens for requests for a site's files; a thread a connection. Port 0 takes any free one.

    Raises:
        ServeError: it cannot listen there.
    """

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name == "posix"  # elsewhere it means to share a port that is taken

    def __init__(self, host: str, port: int, files: Mapping[str, bytes], tls: ssl.SSLContext | None = None) -> None:
        try:
            self.address_family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            super().__init__((str(address[0]), port), _Handler)
        except (OSError, OverflowError) as error:
            raise ServeError(_why_not(host, port, error)) from error
        # To a browser on the same machine packing saves nothing, and costs the first start half a second.
        self.answer = responder(files, compress=not self.local)
        self.secure = tls is not None
        if tls:  # the handshake happens in the connection's thread: one silent client must not stop the others
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that go away or speak no TLS."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def local(self) -> bool:
        """Whether this machine alone can reach it."""
        return ipaddress.ip_address(str(self.server_address[0])).is_loopback

    @property
    def addresses(self) -> list[str]:
        """Its addresses for a browser: the first on this machine, others in the network where it listens there."""
        bound, port = ipaddress.ip_address(str(self.server_address[0])), self.server_address[1]
        hosts = [str(bound)]
        if bound.is_unspecified:
            hosts = ["127.0.0.1" if bound.version == 4 else "::1", *_network_address()]
        scheme = "https" if self.secure else "http"
        return [f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/" for host in hosts]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    server: Server

    def _respond(self) -> None:
        asked = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.answer(self.command, self.path, asked))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is none, with the headers that every answer has."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else an unreadable one counts as 0.9, which has no headers
        self._send(plain_text(HTTPStatus(code), f"{HTTPStatus(code).phrase}.\n"))

    def _send(self, answer: Response) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        asked = getattr(self, "headers", {})
        if self.close_connection or "Content-Length" in asked or "Transfer-Encoding" in asked:
            self.send_header("Connection", "close")  # rather than read a body and take it for the next request
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(answer.body), CHUNK_BYTES):
            self.wfile.write(answer.body[start : start + CHUNK_BYTES])

    def version_string(self) -> str:
        return "imagetagger"

    def log_message(self, *_: object) -> None:
        pass


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return the context of a certificate and its key, PEM files; without `key` the certificate's file holds both.

    Raises:
        ServeError: a file is missing, or they are no certificate and its key.
    """
    for path in (certificate, *([key] if key else [])):
        if not path.is_file():
            raise ServeError(f"got {path}, where no file is: expected a certificate or key in PEM format")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        given = f"{certificate} with {key}" if key else str(certificate)
        reason = getattr(error, "reason", None) or error.strerror or error
        raise ServeError(
            f"{given}: expected a certificate and its own key in PEM format ({reason}); --keyfile names the key"
        ) from error
    return context


def _why_not(host: str, port: int, error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"got the host {host}, which is no address: expected one of this machine, or 0.0.0.0 for all of them"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken, perhaps by another `imagetagger serve`: end that one, or choose another "
            f"port, as in --port {port + 1}. There the app begins anew: a browser keeps lessons for each address apart"
        )
    if number == errno.EADDRNOTAVAIL:
        return f"got the host {host}, which is not of this machine: expected one of its own, or 0.0.0.0 for all of them"
    if number == errno.EACCES:
        return f"port {port} of {host} is not allowed: choose one above 1023, as in --port {DEFAULT_PORT}"
    return f"cannot listen on port {port} of {host}: {error}"


def _network_address() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation; UDP sends nothing by connecting
        except OSError:
            return []
        found: str = probe.getsockname()[0]
    return [] if ipaddress.ip_address(found).is_loopback else [found]


def greeting(server: Server) -> str:
    """Return what a user should know: the addresses, how to end, and what the network lacks without HTTPS."""
    first, *others = server.addresses
    lines = [f"The app is at {first}", *(f"and in your network at {address}" for address in others)]
    if not (server.secure or server.local):
        host = (others or [first])[-1].split("//")[1].rsplit(":", 1)[0].strip("[]")
        lines.append(NO_HTTPS_HINT.format(host=host))
    return "\n".join([*lines, "Ctrl-C ends it. What you teach stays in your browser."])


NO_HTTPS_HINT = """\
Warning: this is not HTTPS. Other devices can use the app, but cannot install it or start it offline (without HTTPS
browsers allow no service worker), and some refuse the camera. With a certificate that they trust they can. One way:
  mkcert {host}
  imagetagger serve ... --certfile {host}.pem --keyfile {host}-key.pem
and install mkcert's root certificate (in the folder that `mkcert -CAROOT` names) on each device."""


def run_server(server: Server) -> None:
    """Answer requests until Ctrl-C."""
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    from imagetagger.cli import serve

    serve()
