import gzip
import http.client
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from imagetagger.options import DEFAULT_PORT
from imagetagger.web.hosts import own_names
from imagetagger.web.responses import responder
from imagetagger.web.server import ServeError, Server, greeting, tls_context
from imagetagger.web.site import CSP, HEADERS, build_site
from tests.helpers.built_app import built_app
from tests.helpers.jobs import ctrl_c_heeded
from tests.helpers.taught import bundle, folder

METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return built_app(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def files(app):
    return build_site(bundle(), app)


@contextmanager
def serving(files, host="127.0.0.1", tls=None):
    with Server(host, 0, files, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def port(files):
    """The port of a server that only this machine reaches."""
    with serving(files) as server:
        yield server.server_address[1]


@pytest.fixture(scope="module")
def open_port(files):
    """The port of a server that the network reaches."""
    with serving(files, "0.0.0.0") as server:
        yield server.server_address[1]


def fetch(port, target, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def raw(port, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_every_file_of_the_site_is_served_as_it_is(files, port):
    for name, data in files.items():
        status, headers, body = fetch(port, f"/{name}")
        assert (status, body, headers["Content-Length"]) == (200, data, str(len(data)))


def test_the_root_is_the_page_and_a_query_changes_nothing(files, port):
    for target in ("/", "/?source=pwa", "/index.html?x=/../y"):
        assert fetch(port, target)[2] == files["index.html"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("sw.js", "text/javascript; charset=utf-8"),
        ("assets/index-D4f.css", "text/css; charset=utf-8"),
        ("litert/litert_wasm_internal.wasm", "application/wasm"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("icon-192.png", "image/png"),
        ("licenses.txt", "text/plain; charset=utf-8"),
        ("bundle/manifest.json", "application/json"),
        ("bundle/model.tflite", "application/octet-stream"),
    ],
)
def test_every_file_has_its_content_type(port, name, kind):
    assert fetch(port, f"/{name}")[1]["Content-Type"] == kind


@pytest.mark.parametrize(
    "request_line",
    [
        "GET / HTTP/1.1",
        "GET /none HTTP/1.1",
        "POST / HTTP/1.1",
        "BREW / HTTP/1.1",
        "GET / HTTP/9.9",
        "nonsense",
        "GET / HTTP/1.1\r\nLong: " + 70_000 * "x",
    ],
    ids=lambda line: line[:20],
)
def test_every_response_has_the_strict_headers(port, request_line):
    response = raw(port, f"{request_line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = response.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0].startswith("HTTP/1.1 ")
    assert all(f"{name}: {value}" in head for name, value in HEADERS.items())
    assert HEADERS["Content-Security-Policy"] == f"{CSP}; frame-ancestors 'none'"


def test_files_named_by_their_contents_are_cached_and_others_revalidated(files, port):
    for name, data in files.items():
        _, headers, _ = fetch(port, f"/{name}")
        hashed = name.startswith("assets/")
        assert headers["Cache-Control"] == ("public, max-age=31536000, immutable" if hashed else "no-cache")
        for known in (headers["ETag"], f'"other", W/{headers["ETag"]}', "*"):
            status, again, body = fetch(port, f"/{name}", If_None_Match=known)
            assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
        assert fetch(port, f"/{name}", If_None_Match='"other"')[::2] == (200, data)


@pytest.mark.parametrize(
    "target",
    [
        "/none",
        "/index",
        "/assets",
        "/assets/",
        "/bundle/",
        "/_headers",
        "/../pyproject.toml",
        "/bundle/../index.html",
        "/%2e%2e/pyproject.toml",
        "/..%2fpyproject.toml",
        "/bundle/..\\..\\x",
        "//etc/passwd",
        "/etc/passwd",
        "/index.html%00.png",
        "http://127.0.0.1/index.html",
        "/bundle/golden/golden.json",
    ],
)
def test_no_other_file_is_served(port, target):
    status, _, body = fetch(port, target)
    assert (status, body) == (404, b"There is no such file.\n")


@pytest.mark.parametrize("method", METHODS)
def test_no_data_is_accepted(port, method):
    status, headers, _ = fetch(port, "/", method, b"GET /licenses.txt HTTP/1.1\r\n\r\n")
    assert (status, headers["Allow"], headers["Connection"]) == (405, "GET, HEAD", "close")


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"], ids=["sending", "asking first"])
def test_shared_pictures_that_meet_no_service_worker_are_refused_unread(port, expect):
    """The response comes while all but the first bytes of the body are still on the device."""
    head = f"POST /share HTTP/1.1\r\nHost: 127.0.0.1\r\n{expect}Content-Type: multipart/form-data; boundary=b\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 1000000000\r\n\r\n--b".encode())
        response = connection.recv(65536)
        assert response.startswith(b"HTTP/1.1 405 ")
        assert b"Connection: close" in response
        with suppress(ConnectionResetError):  # for what it did not read
            while connection.recv(65536):
                pass


def test_a_body_is_never_taken_for_a_request(port):
    inner = b"GET /licenses.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"GET /icon-192.png HTTP/1.1\r\nHost: x\r\nContent-Length: {len(inner)}\r\n\r\n".encode()
    assert raw(port, head + inner).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("target", ["/", "/assets/index-B1x_9-Qa.js", "/none"])
def test_head_has_the_headers_of_get_without_the_body(open_port, target):
    get, head = (fetch(open_port, target, method, Accept_Encoding="gzip") for method in ("GET", "HEAD"))
    for _, headers, _ in (get, head):
        del headers["Date"]
    assert head == (get[0], get[1], b"")


def test_a_connection_serves_many_requests(files, port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for target in ("/", "/none", "/sw.js"):
        connection.request("GET", target)
        connection.getresponse().read()
        first = connection.sock
        assert first is not None
        assert connection.sock is first
    connection.close()


def test_all_but_pictures_is_compressed_for_the_network(files, open_port):
    for name, data in files.items():
        status, headers, body = fetch(open_port, f"/{name}", accept_encoding="br, gzip;q=0.5")
        compressed = not name.endswith(".png")
        assert status == 200
        assert (headers.get("Content-Encoding"), headers.get("Vary")) == (
            ("gzip", "Accept-Encoding") if compressed else (None, None)
        )
        assert (gzip.decompress(body) if compressed else body) == data
        assert fetch(open_port, f"/{name}", If_None_Match=headers["ETag"], Accept_Encoding="gzip")[0] == 304
        plain = fetch(open_port, f"/{name}", Accept_Encoding="identity")
        assert plain[2] == data
        assert (plain[1]["ETag"] == headers["ETag"]) == (not compressed)


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.00, br", "xgzip", "deflate"])
def test_nothing_is_compressed_for_clients_without_gzip(files, open_port, accepted):
    assert fetch(open_port, "/", Accept_Encoding=accepted)[2] == files["index.html"]


def test_nothing_is_compressed_for_a_browser_on_this_machine(files, port):
    assert fetch(port, "/", Accept_Encoding="gzip")[2] == files["index.html"]


def test_a_response_depends_on_the_request_only(files):
    first, second = (responder(files, compress=True) for _ in range(2))
    for name in files:
        assert first("GET", f"/{name}", {"accept-encoding": "gzip"}) == second(
            "GET", f"/{name}", {"accept-encoding": "gzip"}
        )


def test_a_client_that_disconnects_does_not_matter(files, port, capfd):
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, no farewell
            connection.sendall(b"GET /litert/litert_wasm_internal.wasm HTTP/1.1\r\n" * 2 + b"\r\n")
    assert fetch(port, "/")[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not (openssl := shutil.which("openssl")):
        pytest.skip("no openssl makes the certificate")
    made = tmp_path_factory.mktemp("certificate")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command += ["-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=made, check=True, capture_output=True)
    return made / "cert.pem", made / "key.pem"


def test_with_a_certificate_it_speaks_https_and_a_silent_client_blocks_no_other(files, certificate, capfd):
    trusting = ssl.create_default_context(cafile=certificate[0])
    with serving(files, tls=tls_context(*certificate)) as server:
        port = server.server_address[1]
        assert server.addresses == [f"https://127.0.0.1:{port}/"]
        with socket.create_connection(("127.0.0.1", port)):  # stays silent
            assert raw(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")[:4] != b"HTTP"
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=trusting)
            connection.request("GET", "/")
            assert connection.getresponse().read() == files["index.html"]
            connection.close()
    assert capfd.readouterr() == ("", "")


def test_a_certificate_and_its_key_may_be_in_one_file(certificate, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())
    assert tls_context(both, None).get_ca_certs() == []


def test_a_file_that_is_not_a_certificate_is_refused(certificate, tmp_path):
    (tmp_path / "bad.pem").write_text("no certificate")
    for files in ((tmp_path / "bad.pem", certificate[1]), (certificate[0], None), (certificate[0], certificate[0])):
        with pytest.raises(ServeError, match="expected a certificate and its own key in PEM format"):
            tls_context(*files)
    with pytest.raises(ServeError, match="which does not exist"):
        tls_context(certificate[0], tmp_path / "gone.pem")


def test_a_port_in_use_is_refused_with_a_fix(files, port):
    with pytest.raises(ServeError, match=f"port {port} of 127.0.0.1 is in use, .* --port {port + 1}. .* by address"):
        Server("127.0.0.1", port, files)


@pytest.mark.parametrize("host", ["192.0.2.7", "no such host", "127.0.0.1.example.invalid"])
def test_a_host_of_another_machine_is_refused(files, host):
    with pytest.raises(ServeError, match=f"got the host {host}, which is n.* expected one of .* 0.0.0.0 for all"):
        Server(host, 0, files)


def test_without_https_the_network_is_warned_of_what_does_not_work(files, certificate):
    with Server("0.0.0.0", 0, files) as server:
        text = greeting(server)
        assert f"http://127.0.0.1:{server.server_address[1]}/\n" in text
        for word in ("Warning: this is not HTTPS", "install", "offline", "camera", "--certfile", "--keyfile", "mkcert"):
            assert word in text
    with Server("127.0.0.1", 0, files) as server:
        assert "Warning" not in greeting(server)
    with Server("0.0.0.0", 0, files, tls_context(*certificate)) as server:
        assert "Warning" not in greeting(server)
        assert f"https://127.0.0.1:{server.server_address[1]}/\n" in greeting(server)


START = """
import pathlib, sys, webbrowser
from imagetagger import cli
from imagetagger.web import site
site.build_site.__defaults__ = (pathlib.Path(sys.argv[1]),)
webbrowser.open = lambda address: print("opened", address, flush=True)
cli.main(sys.argv[2:])
"""


@contextmanager
def program(app, *arguments):
    command = [sys.executable, "-c", START, app, "serve", folder(), "--port=0", *arguments]
    with ctrl_c_heeded():
        running = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with running:
        try:
            yield running
        finally:
            running.kill()


def test_ctrl_c_ends_it_without_a_traceback(app, files):
    with program(app, "--no-browser") as running:
        address = running.stdout.readline().split()[-1]
        assert fetch(int(address.rstrip("/").rpartition(":")[2]), "/")[2] == files["index.html"]
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 0
        output = running.stdout.read(), running.stderr.read()
    assert output == ("Ctrl-C ends it. What you teach stays in your browser.\n", "")


def test_the_browser_is_opened_at_the_address(app):
    with program(app) as running:
        lines = [running.stdout.readline() for _ in range(3)]
    address = lines[0].split()[-1]
    assert f"opened {address}\n" in lines


def test_the_port_is_always_the_same_one():
    assert DEFAULT_PORT == 8017
    command = [sys.executable, "-c", "from imagetagger.cli import main; main()", "serve", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"default: {DEFAULT_PORT}" in done.stdout


HEAVY = ["jax", "jaxlib", "tensorflow", "flax", "hydra", "matplotlib", "onnxruntime", "ai_edge_litert"]
LIGHT = f"""
import pathlib, sys
from imagetagger import cli
from imagetagger.web import server, site
site.write_site.__defaults__ = (pathlib.Path(sys.argv[1]),)
try:
    cli.main(["webapp", *sys.argv[2:]])
except SystemExit as end:
    print([name for name in {HEAVY} if name in sys.modules], end.code)
"""


def test_serving_loads_nothing_heavy(app, tmp_path):
    command = [sys.executable, "-c", LIGHT, app, folder(), tmp_path / "site"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.stdout.endswith("\n[] 0\n"), done.stdout + done.stderr
    assert Path(tmp_path / "site" / "bundle" / "model.tflite").exists()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("192.168.1.2", True),
        ("[::1]:8080", True),
        ("LOCALHOST:1", True),
        ("app.localhost", True),
        ("localhost.", True),
        ("nas", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("user@localhost", False),
        ("localhost:80:80", False),
        ("", False),
    ],
)
def test_it_responds_under_addresses_and_its_names_only(files, host, allowed):
    """Source of the attack: DNS rebinding."""
    respond = responder(files, compress=False, names=own_names("NAS"))
    response = respond("GET", "/", {"host": host})
    assert response.status == (200 if allowed else 421)
    assert (response.body == files["index.html"]) is allowed
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_server_refuses_other_names_without_a_certificate(port, open_port):
    for each in (port, open_port):
        assert fetch(each, "/", Host="evil.example")[0] == 421
        assert fetch(each, "/", Host=f"{socket.gethostname()}:{each}")[0] == 200


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=5-9", slice(5, 10)),
        ("bytes=5-", slice(5, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=3-999999999999", slice(3, None)),
    ],
)
def test_a_part_of_a_file_is_served(files, port, header, part):
    name = "litert/litert_wasm_internal.wasm"
    whole = files[name]
    start, stop, _ = part.indices(len(whole))
    status, headers, body = fetch(port, f"/{name}", Range=header)
    assert (status, body) == (206, whole[part])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    "header", ["bytes=0-1,4-5", "items=0-1", "bytes=-", "bytes=5-2", "bytes=a-b", "0-4", f"bytes=0-{'9' * 5000}"]
)
def test_other_ranges_are_ignored(files, port, header):
    status, _, body = fetch(port, "/litert/litert_wasm_internal.wasm", Range=header)
    assert (status, body) == (200, files["litert/litert_wasm_internal.wasm"])


def test_a_part_beyond_the_end_is_refused_and_a_part_of_an_older_file_is_the_whole_new_one(files, port):
    name = "litert/litert_wasm_internal.wasm"
    status, headers, _ = fetch(port, f"/{name}", Range=f"bytes={len(files[name])}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(files[name])}")
    etag = fetch(port, f"/{name}")[1]["ETag"]
    assert fetch(port, f"/{name}", Range="bytes=0-3", If_Range=etag)[0] == 206
    assert fetch(port, f"/{name}", Range="bytes=0-3", If_Range='"older"')[0] == 200


HOLD = """
import resource, socket, sys, threading, time
from imagetagger.web.server import Server
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
server = Server("127.0.0.1", 0, {"index.html": b"page"})
threading.Thread(target=server.serve_forever, daemon=True).start()
resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
print(server.server_address[1], flush=True)
before = time.process_time()
sys.stdin.readline()
print(time.process_time() - before, flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_without_a_free_descriptor_it_waits_and_then_serves_again():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD], **pipes) as process:
        port = int(process.stdout.readline())
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        time.sleep(1.5)
        print(file=process.stdin, flush=True)
        busy = float(process.stdout.readline())
        for connection in held:
            connection.close()
        assert fetch(port, "/")[::2] == (200, b"page")
        process.kill()
    assert busy < 1.0  # of at least 1.5 seconds: it does not spin
