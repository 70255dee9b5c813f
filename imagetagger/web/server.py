"""A small web server for the app and a bundle: it serves the files of the site and nothing else.

Pictures stay in the browser, where the app works: the server refuses every method but GET and HEAD.
"""

import errno
import http.server
import ipaddress
import os
import socket
import socketserver
import ssl
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from imagetagger.options import DEFAULT_PORT
from imagetagger.system.printable import printable_lines
from imagetagger.web.hosts import own_names
from imagetagger.web.responses import Response, plain_text, responder

CHUNK_BYTES = 2**16
"""Bytes per write: the timeout applies to each write, so that a slow phone receives large files."""


RETRY_SECONDS = 0.1
"""Before the next try to accept a connection when the system has no room for one."""


class ServeError(ValueError):
    """A server that cannot start; the message gives the reason and the fix."""


class Server(socketserver.ThreadingTCPServer):
    """A server of a site's files, with one thread per connection. Port 0 takes any free port.

    Without a certificate it responds under IP addresses, the names of this machine, and `host_names`.

    Raises:
        ServeError: it cannot listen at this address.
    """

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name == "posix"  # elsewhere it allows to share a port in use

    def __init__(
        self,
        host: str,
        port: int,
        files: Mapping[str, bytes],
        tls: ssl.SSLContext | None = None,
        host_names: Sequence[str] = (),
    ) -> None:
        try:
            self.address_family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            super().__init__((str(address[0]), port), RequestHandler)
        except (OSError, OverflowError) as error:
            raise ServeError(_listen_problem(host, port, error)) from error
        names = own_names(host, *host_names) if tls is None else None  # a certificate already names the site
        # For a browser on the same machine compression saves nothing and delays the first start by half a second.
        self.respond = responder(files, compress=not self.local, names=names)
        self.secure = tls is not None
        if tls:  # the handshake runs in the thread of the connection: one silent client must not block the others
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection; without a free file descriptor wait for one, and let the connection wait too."""
        try:
            connection, address = super().get_request()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(RETRY_SECONDS)
            raise
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect or do not speak TLS; of any other error print where it was raised."""
        if not isinstance(sys.exception(), OSError):
            print(printable_lines(traceback.format_exc()), file=sys.stderr)  # it may quote what a client sent

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(str(self.server_address[0])).is_loopback

    @property
    def addresses(self) -> list[str]:
        """Its addresses for a browser: the first for this machine, others for the network if it listens there."""
        bound, port = ipaddress.ip_address(str(self.server_address[0])), self.server_address[1]
        hosts = [str(bound)]
        if bound.is_unspecified:
            hosts = ["127.0.0.1" if bound.version == 4 else "::1", *_network_address()]
        scheme = "https" if self.secure else "http"
        return [f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/" for host in hosts]


class RequestHandler(http.server.BaseHTTPRequestHandler):
    """Responds to the requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    server: Server

    def respond(self) -> None:
        """Respond to a request, of whatever method."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send(self.server.respond(self.command, self.path, headers))

    def handle_expect_100(self) -> bool:
        """Respond to a client that waits to send a body, so that it does not send it."""
        self.respond()
        return False

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Respond to an invalid request, with the headers of every response."""
        self.close_connection = True
        self.request_version = self.protocol_version  # an unreadable one would count as 0.9, which has no headers
        self.send(plain_text(HTTPStatus(code), f"{HTTPStatus(code).phrase}.\n"))

    def send(self, response: Response) -> None:
        """Send a response."""
        self.send_response(response.status)
        for key, value in response.headers.items():
            self.send_header(key, value)
        request = getattr(self, "headers", {})
        if self.close_connection or "Content-Length" in request or "Transfer-Encoding" in request:
            self.send_header("Connection", "close")  # an unread body would count as the next request
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(response.body), CHUNK_BYTES):
            self.wfile.write(response.body[start : start + CHUNK_BYTES])

    def version_string(self) -> str:
        """Return the header Server."""
        return "imagetagger"

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """TLS context of a certificate and its key, PEM files; without `key` the certificate's file contains both.

    Raises:
        ServeError: a file is missing, or they are not a certificate and its key.
    """
    for path in (certificate, *([key] if key else [])):
        if not path.is_file():
            raise ServeError(f"got {path}, which does not exist: expected a certificate or key in PEM format")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        files = f"{certificate} with {key}" if key else str(certificate)
        reason = getattr(error, "reason", None) or error.strerror or error
        raise ServeError(
            f"got {files} ({reason}), expected a certificate and its own key in PEM format; --keyfile names the key"
        ) from error
    return context


def _listen_problem(host: str, port: int, error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"got the host {host}, which is not an address: expected one of this machine, or 0.0.0.0 for all of them"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use, perhaps by another `imagetagger serve`: end that one, or choose another "
            f"port, as in --port {port + 1}. There the app starts without lessons: browsers store them by address"
        )
    if number == errno.EADDRNOTAVAIL:
        return f"got the host {host}, which is not of this machine: expected one of its own, or 0.0.0.0 for all of them"
    if number == errno.EACCES:
        return f"port {port} of {host} is not allowed: choose a port above 1023, as in --port {DEFAULT_PORT}"
    return f"cannot listen on port {port} of {host}: {error}"


def _network_address() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation; UDP sends nothing by connecting
        except OSError:
            return []
        host: str = probe.getsockname()[0]
    return [] if ipaddress.ip_address(host).is_loopback else [host]


def greeting(server: Server) -> str:
    """Text for the user: the addresses, how to end the server, and what does not work without HTTPS."""
    first, *others = server.addresses
    lines = [f"The app is at {first}", *(f"and in your network at {address}" for address in others)]
    if not (server.secure or server.local):
        host = (others or [first])[-1].split("//")[1].rsplit(":", 1)[0].strip("[]")
        lines.append(NO_HTTPS_HINT.format(host=host))
    return "\n".join([*lines, "Ctrl-C ends it. What you teach stays in your browser."])


NO_HTTPS_HINT = """\
Warning: this is not HTTPS. Other devices can use the app, but cannot install it or start it offline (browsers allow no
service worker without HTTPS), and some refuse the camera. A certificate that they trust solves this. One way:
  mkcert {host}
  imagetagger serve ... --certfile {host}.pem --keyfile {host}-key.pem
and install mkcert's root certificate (in the folder that `mkcert -CAROOT` names) on each device."""


def run_server(server: Server) -> None:
    """Serve until Ctrl-C."""
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()
