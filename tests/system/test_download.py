import gc
import hashlib
import time

import pytest

from imagetagger.system.download import Download, DownloadError, Timeouts, download
from tests.helpers.local_server import serving, silent_server

# pooch leaves the socket of a failed download to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CONTENT = b"the published file\n" * 1000


@pytest.fixture(scope="module", autouse=True)
def no_socket_outlives_this_module():
    yield
    gc.collect()


@pytest.fixture
def server():
    """A web server with `files`, which it may cut short, and the `requests` it got."""
    with serving({"/data.bin": CONTENT}) as state:
        state.url = f"{state.address}/data.bin"
        yield state


def known(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


@pytest.mark.parametrize("known_hash", [None, known(CONTENT), known(CONTENT, "md5")], ids=["none", "sha256", "md5"])
def test_a_file_is_downloaded_once(server, tmp_path, known_hash):
    source = Download(server.url, known_hash)
    for _ in range(3):
        path = download(source, tmp_path / "downloads", "path=FILE")
        assert path == tmp_path / "downloads" / "data.bin"
        assert path.read_bytes() == CONTENT
    assert server.requests == ["/data.bin"]


def test_the_query_of_the_address_is_no_part_of_the_files_name(server, tmp_path):
    server.files["/data.bin?download=1"] = CONTENT
    assert download(Download(server.url + "?download=1"), tmp_path, "path=FILE").name == "data.bin"


def test_another_file_than_the_published_one_is_refused_and_not_kept(server, tmp_path):
    server.files["/data.bin"] = b"an imposter"
    with pytest.raises(DownloadError, match="hash"):
        download(Download(server.url, known(CONTENT)), tmp_path, "path=FILE")
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_first_download_is_recorded_where_nobody_publishes_one(server, tmp_path, caplog):
    download(Download(server.url), tmp_path, "path=FILE")
    assert (tmp_path / "data.bin.sha256").read_text().split() == 2 * [hashlib.sha256(CONTENT).hexdigest()]
    assert "has no published hash" in caplog.text
    caplog.clear()
    download(Download(server.url), tmp_path, "path=FILE")
    assert not caplog.text


def test_no_hash_is_recorded_where_one_is_published(server, tmp_path):
    path = download(Download(server.url, known(CONTENT)), tmp_path, "path=FILE")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("known_hash", [None, known(CONTENT)], ids=["none", "sha256"])
def test_a_damaged_file_is_downloaded_again(server, tmp_path, known_hash):
    download(Download(server.url, known_hash), tmp_path, "path=FILE").write_bytes(CONTENT[:-1])
    assert download(Download(server.url, known_hash), tmp_path, "path=FILE").read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "damage", [lambda t: chr(ord(t[0]) ^ 1) + t[1:], lambda t: t[:70], lambda t: "", lambda t: "é"]
)
def test_a_damaged_record_of_the_hash_is_said_and_written_again(damage, server, tmp_path, caplog):
    path = download(Download(server.url), tmp_path, "path=FILE")
    record = tmp_path / "data.bin.sha256"
    sound = record.read_text()
    record.write_text(damage(sound))
    server.files.clear()
    assert download(Download(server.url), tmp_path, "path=FILE") == path
    assert f"{record} is damaged" in caplog.text
    assert record.read_text() == sound


def test_a_record_of_an_earlier_version_which_has_the_hash_once_is_used(server, tmp_path):
    path = download(Download(server.url), tmp_path, "path=FILE")
    (tmp_path / "data.bin.sha256").write_text(hashlib.sha256(CONTENT).hexdigest() + "\n")
    path.write_bytes(CONTENT[:-1])
    assert download(Download(server.url), tmp_path, "path=FILE").read_bytes() == CONTENT


def test_a_damaged_download_is_said(server, tmp_path, caplog):
    path = download(Download(server.url, known(CONTENT)), tmp_path, "path=FILE")
    path.write_bytes(b"x" + CONTENT[1:])
    download(Download(server.url, known(CONTENT)), tmp_path, "path=FILE")
    assert f"{path} is damaged" in caplog.text


def test_a_file_damaged_since_its_first_download_is_never_used(server, tmp_path):
    download(Download(server.url), tmp_path, "path=FILE").write_bytes(CONTENT[:-1])
    server.files.clear()
    with pytest.raises(DownloadError, match="404"):
        download(Download(server.url), tmp_path, "path=FILE")


def test_a_file_that_changed_since_its_first_download_is_refused(server, tmp_path):
    path = download(Download(server.url), tmp_path, "path=FILE")
    path.unlink()
    server.files["/data.bin"] = b"a new version"
    with pytest.raises(DownloadError, match="hash"):
        download(Download(server.url), tmp_path, "path=FILE")
    assert not path.exists()


def test_a_file_put_there_by_hand_is_taken_without_a_request(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    assert download(Download(server.url, known(CONTENT)), tmp_path, "path=FILE").read_bytes() == CONTENT
    assert server.requests == []


def failing(server, how: str) -> str:
    if how == "not found":
        server.files.clear()
    elif how == "cut short":
        server.cut = len(CONTENT) // 2
    elif how == "nobody listens":
        return "http://127.0.0.1:9/data.bin"
    return server.url


@pytest.mark.parametrize("known_hash", [None, known(CONTENT)], ids=["none", "sha256"])
@pytest.mark.parametrize("how", ["not found", "cut short", "nobody listens"])
def test_a_failure_names_the_address_and_where_to_put_the_file_and_leaves_nothing(server, tmp_path, how, known_hash):
    url = failing(server, how)
    with pytest.raises(DownloadError) as error:
        download(Download(url, known_hash), tmp_path, "path=FILE")
    assert url in str(error.value)
    assert f"put the file at {tmp_path / 'data.bin'}, or pass a local copy as path=FILE" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_works_after_one_that_failed(server, tmp_path):
    server.cut = 10
    with pytest.raises(DownloadError):
        download(Download(server.url), tmp_path, "path=FILE")
    server.cut = None
    assert download(Download(server.url), tmp_path, "path=FILE").read_bytes() == CONTENT


def test_a_server_that_never_answers_is_given_up_in_seconds(tmp_path):
    start = time.perf_counter()
    with silent_server() as address, pytest.raises(DownloadError, match="the server does not answer"):
        download(Download(f"{address}/data.bin"), tmp_path, "path=FILE")
    assert time.perf_counter() - start < 30  # minutes without a limit
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_takes_for_ever_to_find_is_given_up_in_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr("requests.head", lambda *_, **__: time.sleep(60))
    monkeypatch.setattr("imagetagger.system.download.ANSWER_SECONDS", 0.1)
    monkeypatch.setattr("imagetagger.system.download.TIMEOUTS", Timeouts(0.1, 1))
    with pytest.raises(DownloadError, match="the server does not answer"):
        download(Download("http://nowhere.invalid/data.bin"), tmp_path, "path=FILE")
